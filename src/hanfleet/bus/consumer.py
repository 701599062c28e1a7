"""Reading events as one of a group: each event goes to one consumer of the group and stays with it until it is settled.

What is not acknowledged comes again, to any consumer of the group, once it has lain idle for ``retry_after_s``; what
came too often, or cannot be read, becomes a dead letter. Refuses to delete consumers: that would lose what they hold.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from redis.exceptions import ResponseError

from hanfleet.bus import keys
from hanfleet.bus.codec import MalformedEntryError, decode_event
from hanfleet.bus.connection import BLOCK_S, Bus, Entry, entries_of, is_missing_group
from hanfleet.bus.dead_letters import DeadLetters
from hanfleet.bus.patience import Patience
from hanfleet.core.errors import BusUnavailableError
from hanfleet.core.events import Category, Event

_BATCH = 50


@dataclass(frozen=True)
class Delivery:
    """One event in a consumer's hands, for the ``attempt``-th time (1: the first)."""

    event: Event
    attempt: int
    entry_id: str
    _consumer: "Consumer" = field(repr=False)

    async def ack(self) -> None:
        """It is done and never comes again. Raises BusUnavailableError; then it comes again."""
        await self._consumer.acknowledge(self.entry_id)


class Consumer:
    """``name`` in ``group`` on one category's stream. ``retry_after_s`` must exceed the slowest handler's time."""

    def __init__(
        self,
        bus: Bus,
        category: Category,
        group: str,
        name: str,
        *,
        retry_after_s: float = 60.0,
        attempts: int = 5,
        block_s: float = BLOCK_S,
    ) -> None:
        self._bus = bus
        self._stream = keys.events(category)
        self._group = group
        self._name = name
        self._retry_after_ms = int(retry_after_s * 1000)
        self._attempts = attempts
        self._block_ms = max(1, int(min(block_s, BLOCK_S) * 1000))
        self._dead = DeadLetters(bus, category, group)

    async def deliveries(self) -> AsyncIterator[Delivery]:
        """Events as they come, for ever; a lost bus is waited for. A new group begins with the oldest event kept."""
        patience = Patience(self._bus.clock, f"{self._group} on {self._stream}")
        while True:
            try:
                ready = await self._again() or await self._fresh()
                patience.answered()
                for delivery in ready:
                    yield delivery
            except BusUnavailableError as lost:
                await patience.lost(lost)

    async def acknowledge(self, entry_id: str) -> None:
        with self._bus.guarded():
            await self._bus.client.xack(self._stream, self._group, entry_id)

    async def _fresh(self) -> list[Delivery]:
        with self._bus.guarded():
            try:
                found = await self._bus.client.xreadgroup(
                    self._group, self._name, {self._stream: ">"}, count=_BATCH, block=self._block_ms
                )
            except ResponseError as missing:
                await self._make_group(missing)
                return []
        return await self._sort_out(entries_of(found), {})

    async def _again(self) -> list[Delivery]:
        """What lay idle too long in anybody's hands, our own from an earlier life included."""
        with self._bus.guarded():
            try:
                _cursor, entries, _deleted = await self._bus.client.xautoclaim(
                    self._stream, self._group, self._name, self._retry_after_ms, count=_BATCH
                )
                if not entries:
                    return []
                pending = await self._bus.client.xpending_range(
                    self._stream, self._group, entries[0][0], entries[-1][0], 10 * _BATCH, self._name
                )
            except ResponseError as missing:
                await self._make_group(missing)
                return []
        counts = {item["message_id"]: item["times_delivered"] for item in pending}
        return await self._sort_out(entries, counts)

    async def _sort_out(self, entries: Iterable[Entry], counts: dict[str, int]) -> list[Delivery]:
        ready = []
        for entry_id, fields in entries:
            attempt = counts.get(entry_id, 1)
            try:
                event = decode_event(fields)
            except MalformedEntryError as wrong:
                await self._dead.bury(entry_id, fields, attempt, str(wrong))
                continue
            if attempt > self._attempts:
                await self._dead.bury(entry_id, fields, attempt, f"It was not settled in {self._attempts} deliveries.")
                continue
            ready.append(Delivery(event, attempt, entry_id, self))
        return ready

    async def _make_group(self, missing: ResponseError) -> None:
        if not is_missing_group(missing):
            raise missing
        try:
            await self._bus.client.xgroup_create(self._stream, self._group, id="0", mkstream=True)
        except ResponseError as refused:
            # Another consumer of the group was quicker.
            if not str(refused).startswith("BUSYGROUP"):
                raise
