"""Ends what a bot has open in the database for too long: limits on its own role a hostile bot lifts itself.

Whoever keeps the processor busy gives way to others first. A bot that does it again and again is shut out
(supervisor.expulsion). Refuses to look at what a statement says: only time, locks, memory, log-ins and writing count,
so nothing of a conversation comes this way.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hanfleet.core.errors import PermanentError
from hanfleet.core.events import DatabaseSessionEnded
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.store.bot_sessions import BotSession, BotSessions
from hanfleet.store.session import Store
from hanfleet.supervisor.allowance import Allowance
from hanfleet.supervisor.consequences import Consequences
from hanfleet.supervisor.expulsion import ShutOut
from hanfleet.supervisor.offences import Offences
from hanfleet.supervisor.rounds import go_round
from hanfleet.supervisor.server_process import ProcessUse, ServerProcesses
from hanfleet.supervisor.session_load import Load, SessionLoad

_log = get_logger("watch")
#: Who logs in over and over is away for a moment between two log-ins, so one look that sees nobody means little.
_STAY_AWAKE_S = 2.0


@dataclass(frozen=True)
class WatchLimits:
    """An honest worker stays far below each. ``offences`` within ``memory_of_offences_s`` shut a bot out.

    ``processors``, ``processor_s`` and ``logins`` are of all sessions of a bot together, from one look to the next and
    within their windows: a worker that catches up after a long absence takes a third of a processor, and logs in twice,
    and twice more when the server was restarted. Above ``processors`` the sessions give way to others until they end.
    ``written_mb`` may go to the server's files at once, ``written_mb_per_h`` in the long run, its log counted, too: at
    most half of it is data that stays.
    """

    statement_s: float = 10.0
    transaction_s: float = 20.0
    holds_up_s: float = 1.0
    memory_mb: float = 256.0
    processors: float = 0.6
    processor_s: float = 5.0
    processor_window_s: float = 10.0
    logins: int = 8
    logins_window_s: float = 60.0
    written_mb: float = 4096.0
    written_mb_per_h: float = 1024.0
    offences: int = 3
    memory_of_offences_s: float = 600.0


def offence_of(session: BotSession, use: ProcessUse | None, limits: WatchLimits) -> str | None:
    """What ends this session, as a sentence; None: it may stay."""
    if session.outdated:
        return "It logged in before the bot's present start."
    if session.holds_up_s is not None and session.holds_up_s > limits.holds_up_s:
        return f"It held up others by a lock for {session.holds_up_s:.1f} s."
    if session.statement_s is not None and session.statement_s > limits.statement_s:
        return f"One statement ran for {session.statement_s:.0f} s."
    if session.transaction_s is not None and session.transaction_s > limits.transaction_s:
        return f"One transaction was open for {session.transaction_s:.0f} s."
    if use is not None and use.memory_mb > limits.memory_mb:
        return f"It took {use.memory_mb:.0f} MB of the server's memory."
    return None


class SessionWatch:
    """Looks every ``interval_s``; for a while after a log-in every ``soon_s``, or too few of many would be seen."""

    def __init__(
        self,
        store: Store,
        sessions: BotSessions,
        shut_out: ShutOut,
        clock: Clock,
        *,
        processes: ServerProcesses,
        limits: WatchLimits | None = None,
        interval_s: float = 1.0,
        soon_s: float = 0.05,
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._processes = processes
        self._limits = limits or WatchLimits()
        self._interval_s = interval_s
        self._soon_s = soon_s
        self._load = SessionLoad(
            processor_window_s=self._limits.processor_window_s,
            logins_window_s=self._limits.logins_window_s,
            written_mb=Allowance(self._limits.written_mb, self._limits.written_mb_per_h / 3600),
        )
        self._offences = Offences(clock, most=self._limits.offences, within_s=self._limits.memory_of_offences_s)
        self._consequences = Consequences(store, shut_out)

    async def run(self) -> None:
        """For ever; cancel it to stop."""
        try:
            await go_round(self._look, self._pause_s, self._clock, of="the database")
        finally:
            await self._sessions.close()

    def _pause_s(self) -> float:
        logged_in = self._load.logged_in_within(_STAY_AWAKE_S, self._clock.monotonic())
        return self._soon_s if logged_in else self._interval_s

    async def look(self) -> int:
        """One look and what follows from it; gives how many sessions it ended and bots it found to be shut out."""
        async with asyncio.TaskGroup() as tasks:
            return await self._look(tasks)

    async def _look(self, tasks: asyncio.TaskGroup) -> int:
        """Raises HanfleetError when it cannot look; what follows begins all the same."""
        try:
            found = await self._sessions.open(waiting_s=self._limits.holds_up_s)
            used = [(session, self._processes.use_of(session.pid, session.role_name)) for session in found]
            loads = self._load.look(used, self._clock.monotonic())
            ended = [await self._judge(session, use) for session, use in used]
            ended += [
                self._judge_load(bot_id, load, [session for session in found if session.bot_id == bot_id])
                for bot_id, load in loads.items()
            ]
            return sum(ended)
        finally:
            self._consequences.begin(tasks)

    async def _judge(self, session: BotSession, use: ProcessUse | None) -> bool:
        offence = offence_of(session, use, self._limits)
        try:
            if offence is None or not await self._sessions.end(session):
                return False
        except PermanentError as refused:
            _log.error("a bot's database session cannot be ended", bot_id=session.bot_id, error=str(refused))
            return False
        self._note(session.bot_id, offence, shut_out=self._offences.add(session.bot_id))
        return True

    def _judge_load(self, bot_id: str, load: Load, sessions: Sequence[BotSession]) -> bool:
        limits = self._limits
        if load.processors > limits.processors:
            for session in sessions:
                self._processes.give_way(session.pid, session.role_name)
        # To end sessions would not help: the next ones would begin with a clean sheet.
        if load.logins > limits.logins:
            reason = f"It was seen to log in {load.logins} times within {limits.logins_window_s:.0f} s."
        elif load.processor_s > limits.processor_s:
            window = f"{limits.processor_window_s:.0f} s"
            reason = f"It kept the processor busy for {load.processor_s:.1f} s within {window}."
        elif load.overwrote:
            beyond = f"{limits.written_mb_per_h:.0f} MB per hour"
            reason = f"It wrote {limits.written_mb:.0f} MB to the server's files, and {beyond} beyond."
        else:
            return False
        self._note(bot_id, reason, shut_out=True)
        self._load.forget(bot_id)
        return True

    def _note(self, bot_id: str, reason: str, *, shut_out: bool) -> None:
        verdict = DatabaseSessionEnded(bot_id=bot_id, reason=reason, shut_out=shut_out)
        _log.warning("a bot takes too much of the database", bot_id=bot_id, reason=reason, shut_out=shut_out)
        self._consequences.add(verdict)
