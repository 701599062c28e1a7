"""Ends what a bot has open in the database for too long: limits on its own role a hostile bot lifts itself.

A bot that does it again and again is shut out until its next start, which gives it a new process. Refuses to look at
what a statement says: only time, locks and memory count, so nothing of a conversation comes this way.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hanfleet.core.errors import StoreUnavailableError
from hanfleet.core.events import DatabaseSessionEnded
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.store.bot_sessions import BotSession, BotSessions
from hanfleet.store.session import Store
from hanfleet.supervisor.starter import SUPERVISOR

_log = get_logger("watch")


class Fence(Protocol):
    """The part of store.provisioner.Provisioner that a repeated offender meets."""

    async def fence(self, bot_id: str) -> None: ...


@dataclass(frozen=True)
class WatchLimits:
    """An honest worker stays below a hundredth of each. ``offences`` within ``memory_of_offences_s`` shut a bot out."""

    statement_s: float = 10.0
    transaction_s: float = 20.0
    holds_up_s: float = 1.0
    memory_mb: float = 256.0
    offences: int = 3
    memory_of_offences_s: float = 600.0


def private_memory_mb(pid: int) -> float | None:
    """A server process's own memory (RssAnon of proc_pid_status(5)); None where the server is not on this machine."""
    try:
        if not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: "):
            return None
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return None
    kilobytes = next((line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")), None)
    return None if kilobytes is None else int(kilobytes) / 1024


def offence_of(session: BotSession, memory_mb: float | None, limits: WatchLimits) -> str | None:
    """What ends this session, as a sentence; None: it may stay."""
    if session.outdated:
        return "It logged in before the bot's present start."
    if session.holds_up_s is not None and session.holds_up_s > limits.holds_up_s:
        return f"It held up others by a lock for {session.holds_up_s:.1f} s."
    if session.statement_s is not None and session.statement_s > limits.statement_s:
        return f"One statement ran for {session.statement_s:.0f} s."
    if session.transaction_s is not None and session.transaction_s > limits.transaction_s:
        return f"One transaction was open for {session.transaction_s:.0f} s."
    if memory_mb is not None and memory_mb > limits.memory_mb:
        return f"It took {memory_mb:.0f} MB of the server's memory."
    return None


class SessionWatch:
    """Looks every ``interval_s``."""

    def __init__(
        self,
        store: Store,
        sessions: BotSessions,
        fence: Fence,
        clock: Clock,
        *,
        limits: WatchLimits | None = None,
        interval_s: float = 1.0,
        memory_mb_of: Callable[[int], float | None] = private_memory_mb,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._fence = fence
        self._clock = clock
        self._limits = limits or WatchLimits()
        self._interval_s = interval_s
        self._memory_mb_of = memory_mb_of
        self._offences: dict[str, deque[float]] = {}

    async def run(self) -> None:
        """For ever; cancel it to stop."""
        try:
            while True:
                try:
                    await self.look()
                except StoreUnavailableError as away:
                    _log.debug("the database is away", error=str(away))
                await self._clock.sleep(self._interval_s)
        finally:
            await self._sessions.close()

    async def look(self) -> int:
        """One look; gives how many sessions it ended. Raises StoreUnavailableError."""
        ended = 0
        for session in await self._sessions.open(waiting_s=self._limits.holds_up_s):
            offence = offence_of(session, self._memory_mb_of(session.pid), self._limits)
            if offence is not None and await self._sessions.end(session):
                ended += 1
                await self._tell(session.bot_id, offence)
        return ended

    async def _tell(self, bot_id: str, offence: str) -> None:
        _log.warning("a bot's database session was ended", bot_id=bot_id, reason=offence)
        now = self._clock.monotonic()
        known = self._offences.setdefault(bot_id, deque(maxlen=self._limits.offences))
        known.append(now)
        shut_out = len(known) == self._limits.offences and now - known[0] < self._limits.memory_of_offences_s
        if shut_out:
            known.clear()
            _log.warning("a bot is shut out of the database until its next start", bot_id=bot_id)
            await self._fence.fence(bot_id)
        payload = DatabaseSessionEnded(bot_id=bot_id, reason=offence, shut_out=shut_out)
        async with self._store.transaction(SUPERVISOR) as tx:
            await tx.events.append(payload, bot_id=bot_id)
