"""Event rows → bus: at least once, each bot's in the order of its commits. Only the leader runs it.

A row counts as published after the bus has taken it; who dies in between publishes it again, and consumers know it by
its id. A bus that is away costs delay and nothing else. A row that makes no event is set aside: nobody waits for it.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from hanfleet.core.errors import BusUnavailableError, StoreUnavailableError
from hanfleet.core.events import Event
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.store.events import UnreadableEvent
from hanfleet.store.principals import SystemPrincipal
from hanfleet.store.session import Store

RELAY = SystemPrincipal("relay")
_log = get_logger("relay")
_BATCH = 500


class Publisher(Protocol):
    """bus.Producer."""

    async def publish(self, events: Sequence[Event]) -> object: ...


class Relay:
    """Publishes what is due; ``store`` is logged in as the relay's role.

    ``idle_s`` is how long it rests when nothing was due, ``outage_s`` when the bus was away.
    """

    def __init__(
        self, store: Store, publisher: Publisher, clock: Clock, *, idle_s: float = 0.1, outage_s: float = 1.0
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._idle_s = idle_s
        self._outage_s = outage_s

    async def run(self) -> None:
        """For ever; cancel it to stop."""
        away = False
        while True:
            try:
                published = await self.publish_due()
            except (BusUnavailableError, StoreUnavailableError) as failed:
                if not away:
                    _log.warning("events wait", error=str(failed))
                away = True
                await self._clock.sleep(self._outage_s)
                continue
            if away:
                _log.info("events are published again")
                away = False
            if not published:
                await self._clock.sleep(self._idle_s)

    async def publish_due(self) -> int:
        """Publish or set aside one batch and give its size. Raises BusUnavailableError, StoreUnavailableError."""
        # Cancelled in the middle, the batch would be published once more; that is allowed, but needless.
        return await asyncio.shield(self._publish())

    async def _publish(self) -> int:
        # One transaction, so that nothing is erased between the reading and the publication: it would come back.
        async with self._store.transaction(RELAY) as tx:
            due = await tx.events.unpublished(_BATCH)
            events = [event for event in due if isinstance(event, Event)]
            if events:
                await self._publisher.publish(events)
            if due:
                await tx.events.mark_published(due)
        for row in due:
            if isinstance(row, UnreadableEvent):
                _log.error("an event cannot be read and is not published", bot_id=row.bot_id, event_id=str(row.id))
        return len(due)
