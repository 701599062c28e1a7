"""Ends bots' clients that take more of the bus than any worker needs: a user's rights bound what it does, not how much.

A bot that does it again and again is shut out (supervisor.expulsion). Refuses to look at what is said on the bus: only
numbers count.
"""

import asyncio
from dataclasses import dataclass

from hanfleet.bus import BotClient, BotUse, BotUses, StreamUse
from hanfleet.core.errors import PermanentError
from hanfleet.core.events import BusClientsEnded
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.store.session import Store
from hanfleet.supervisor.consequences import Consequences
from hanfleet.supervisor.expulsion import ShutOut
from hanfleet.supervisor.offences import Offences
from hanfleet.supervisor.pace import Pace
from hanfleet.supervisor.recent import Recent
from hanfleet.supervisor.rounds import go_round

_log = get_logger("bus watch")
_MB = 1 << 20
#: A log-in takes some milliseconds.
_MAY_HESITATE_S = 2


@dataclass(frozen=True)
class BusLimits:
    """Ten times and more of what an honest worker reaches; of new connections, of which few are seen, twice as many.

    It runs one command per 5 s, and three per question that an operator asks, of some 2 kB with their answers: 30 and
    20 kB in a second of ten questions. It holds two connections of 20 kB each; if it dies at each start, twelve new
    ones in a minute. Senders and workers cut their streams at about 100 entries, which makes 200 at most, of some
    kilobytes at most; there is one group.
    """

    commands_per_s: float = 500.0
    traffic_mb_per_s: float = 1.0
    connections: int = 20
    logins: int = 25
    logins_window_s: float = 60.0
    memory_mb: float = 8.0
    entries: int = 2000
    stream_mb: float = 8.0
    groups: int = 10
    offences: int = 3
    memory_of_offences_s: float = 600.0


def too_much_in(stream: StreamUse, limits: BusLimits) -> str | None:
    """Why this stream has to go, as a sentence; None: it may stay."""
    if stream.entries > limits.entries:
        return f"It kept {stream.entries} entries in {stream.name}."
    if stream.memory > limits.stream_mb * _MB:
        return f"It kept {stream.memory / _MB:.0f} MB in {stream.name}."
    if stream.groups > limits.groups:
        return f"It kept {stream.groups} groups in {stream.name}."
    return None


def _too_many(connections: int, limit: int) -> list[str]:
    return [f"It held {connections} connections."] if connections > limit else []


class BusWatch:
    """Looks every ``interval_s``."""

    def __init__(
        self,
        store: Store,
        uses: BotUses,
        shut_out: ShutOut,
        clock: Clock,
        *,
        limits: BusLimits | None = None,
        interval_s: float = 1.0,
    ) -> None:
        self._uses = uses
        self._clock = clock
        self._limits = limits or BusLimits()
        self._interval_s = interval_s
        self._offences = Offences(clock, most=self._limits.offences, within_s=self._limits.memory_of_offences_s)
        self._pace = Pace()
        self._logins = Recent(self._limits.logins_window_s)
        self._consequences = Consequences(store, shut_out)

    async def run(self) -> None:
        """For ever; cancel it to stop."""
        await go_round(self._look, lambda: self._interval_s, self._clock, of="the bus")

    async def look(self) -> int:
        """One look and what follows from it; gives how many bots had to be ended."""
        async with asyncio.TaskGroup() as tasks:
            return await self._look(tasks)

    async def _look(self, tasks: asyncio.TaskGroup) -> int:
        """Raises HanfleetError when the bus is away; what follows begins all the same."""
        try:
            # Nobody knows whose they are; who comes again at once is seen at the door (supervisor.door_watch).
            await self._uses.end_strangers(_MAY_HESITATE_S)
            uses = await self._uses.now()
            self._pace.begin(self._clock.monotonic())
            ended = [await self._judge(use) for use in uses]
            self._pace.end(uses)
            return sum(ended)
        finally:
            self._consequences.begin(tasks)

    async def _judge(self, use: BotUse) -> bool:
        try:
            return await self._end_if_too_much(use)
        except PermanentError as refused:
            _log.error("a bot's clients of the bus cannot be ended", bot_id=use.bot_id, error=str(refused))
            return False

    async def _end_if_too_much(self, use: BotUse) -> bool:
        """End what the bot has open, if it did too much, and drop its streams that are too large."""
        too_large = {stream: reason for stream in use.streams if (reason := too_much_in(stream, self._limits))}
        offences = [*too_large.values()]
        if use.clients is None:
            # Somebody's clients have names that are too long together; ended all at once they are counted at least.
            # A name has a megabyte at most, so one bot needs many; a few bots together need fewer each.
            offences += _too_many(await self._uses.end(use.bot_id), self._limits.connections // 4)
        else:
            offences += self._too_much(use.bot_id, use.clients)
        if not offences:
            return False
        event = BusClientsEnded(bot_id=use.bot_id, reason=" ".join(offences), shut_out=self._offences.add(use.bot_id))
        _log.warning("a bot takes too much of the bus", **event.model_dump(include={"bot_id", "reason", "shut_out"}))
        self._consequences.add(event)
        await self._uses.end(use.bot_id)
        for stream in too_large:
            await self._uses.drop(stream)
        return True

    def _too_much(self, bot_id: str, clients: tuple[BotClient, ...]) -> list[str]:
        limits, found = self._limits, _too_many(len(clients), self._limits.connections)
        now = self._clock.monotonic()
        self._logins.add(bot_id, now, self._pace.new(clients))
        logins = int(self._logins.sum(bot_id, now))
        if logins > limits.logins:
            self._logins.forget(bot_id)
            found.append(f"It was seen to log in {logins} times within {limits.logins_window_s:.0f} s.")
        memory = sum(client.memory for client in clients) / _MB
        if memory > limits.memory_mb:
            found.append(f"Its connections took {memory:.0f} MB of the server's memory.")
        commands = self._pace.per_s(clients, lambda client: client.commands)
        if commands > limits.commands_per_s:
            found.append(f"It gave {commands:.0f} commands per second.")
        traffic = self._pace.per_s(clients, lambda client: client.traffic) / _MB
        if traffic > limits.traffic_mb_per_s:
            found.append(f"It moved {traffic:.1f} MB per second.")
        return found
