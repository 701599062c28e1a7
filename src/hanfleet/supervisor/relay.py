"""Event rows → bus: at least once, each bot's in the order of its commits. Only the leader runs it.

A row counts as published after the bus has taken it; who dies in between publishes it again, and consumers know it by
its id. A bus that is away costs delay and nothing else. A row that makes no event is set aside: nobody waits for it.

The streams keep the newest events of all bots together, so one that floods them would push out what others have to say.
Its events wait in the database instead, and it is shut out, unless they had gathered while nobody published. Refuses to
lose one: the rest follows slowly.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Protocol

from hanfleet.core.errors import BusUnavailableError, StoreUnavailableError
from hanfleet.core.events import Event
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.store.events import UnreadableEvent
from hanfleet.store.principals import SystemPrincipal
from hanfleet.store.session import Store
from hanfleet.supervisor.allowance import Allowance
from hanfleet.supervisor.expulsion import ShutOut

RELAY = SystemPrincipal("relay")
_log = get_logger("relay")
_BATCH = 500
#: Of one bot. A reply makes three events, so these are 6,000 replies at once and six in a second beyond: more than an
#: honest bot has to give. They are a fifth of what a stream keeps (bus.producer); the rest of it takes over an hour.
BURST = 20_000
PER_S = 20.0
#: An ordinary event's data has 150. A larger one counts for several: the streams lie in the bus server's memory.
_ORDINARY_BYTES = 256


class Publisher(Protocol):
    """bus.Producer."""

    async def publish(self, events: Sequence[Event]) -> object: ...


class Relay:
    """Publishes what is due; ``store`` is logged in as the relay's role, ``shut_out`` meets who floods it.

    ``idle_s`` is how long it rests when nothing was due, ``outage_s`` when the bus was away.
    """

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        shut_out: ShutOut,
        clock: Clock,
        *,
        idle_s: float = 0.1,
        outage_s: float = 1.0,
        allowance: Allowance | None = None,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._shut_out = shut_out
        self._clock = clock
        self._allowance = allowance or Allowance(BURST, PER_S)
        self._flooding: set[str] = set()
        # What waited while nobody published says nothing of how fast it was written.
        self._catching_up = True
        self._idle_s = idle_s
        self._outage_s = outage_s

    async def run(self) -> None:
        """For ever; cancel it to stop."""
        away = False
        async with asyncio.TaskGroup() as expulsions:
            while True:
                try:
                    published = await self.publish_due()
                except (BusUnavailableError, StoreUnavailableError) as failed:
                    if not away:
                        _log.warning("events wait", error=str(failed))
                    away = self._catching_up = True
                    await self._clock.sleep(self._outage_s)
                    continue
                if away:
                    _log.info("events are published again")
                    away = False
                floods = self._new_floods()
                for bot_id in () if self._catching_up else floods:
                    expulsions.create_task(self._expel(bot_id))  # a process may take its time to end
                if not published:
                    self._catching_up = False
                    await self._clock.sleep(self._idle_s)

    def _new_floods(self) -> set[str]:
        exhausted = self._allowance.exhausted(self._clock.monotonic())
        new = exhausted - self._flooding
        # What a bot has left behind goes on taking all that it may, and is no new offence.
        self._flooding = {bot_id for bot_id in self._flooding | new if self._allowance.in_use(bot_id)}
        return new

    async def _expel(self, bot_id: str) -> None:
        _log.warning("a bot that floods the events is shut out of the database until its next start", bot_id=bot_id)
        try:
            await self._shut_out(bot_id)
        except Exception as failed:  # noqa: BLE001 - one bot's unforeseen trouble must not end the news of all others
            _log.warning("it could not be shut out, and is tried again", bot_id=bot_id, error=str(failed))
            self._flooding.discard(bot_id)

    async def publish_due(self) -> int:
        """Publish or set aside one batch and give its size. Raises BusUnavailableError, StoreUnavailableError."""
        # Cancelled in the middle, the batch would be published once more; that is allowed, but needless.
        return await asyncio.shield(self._publish())

    async def _publish(self) -> int:
        # One transaction, so that nothing is erased between the reading and the publication: it would come back.
        async with self._store.transaction(RELAY) as tx:
            resting = self._allowance.exhausted(self._clock.monotonic())
            due = await tx.events.unpublished(_BATCH, resting=resting)
            events = [event for event in due if isinstance(event, Event)]
            if events:
                await self._publisher.publish(events)
            if due:
                await tx.events.mark_published(due)
        for row in due:
            if row.bot_id is not None:
                self._allowance.take(row.bot_id, _weight(row))
            if isinstance(row, UnreadableEvent):
                _log.error("an event cannot be read and is not published", bot_id=row.bot_id, event_id=str(row.id))
        return len(due)


def _weight(row: Event | UnreadableEvent) -> float:
    """How many ordinary events it counts for."""
    size = len(json.dumps(row.data, ensure_ascii=False)) if isinstance(row, Event) else 0
    return max(1.0, size / _ORDINARY_BYTES)
