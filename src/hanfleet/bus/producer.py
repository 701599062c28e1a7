"""Putting events on their streams. Refuses to number or store them: the store did that, in the change's transaction."""

from collections.abc import Sequence

from hanfleet.bus import keys
from hanfleet.bus.codec import encode_event
from hanfleet.bus.connection import Bus
from hanfleet.core.events import Event

KEPT_EVENTS = 100_000


class Producer:
    """Publishes to the stream of each event's category, which keeps about ``kept`` events (whole nodes are trimmed)."""

    def __init__(self, bus: Bus, *, kept: int = KEPT_EVENTS) -> None:
        self._bus = bus
        self._kept = kept

    async def publish(self, events: Sequence[Event]) -> None:
        """Put all of them on the bus, in this order, in one round trip.

        Raises BusUnavailableError; then some may be there already, and publishing all again is right: consumers
        de-duplicate by id.
        """
        if not events:
            return
        with self._bus.guarded():
            async with self._bus.client.pipeline(transaction=False) as steps:
                for event in events:
                    steps.xadd(keys.events(event.category), encode_event(event), maxlen=self._kept, approximate=True)
                await steps.execute()
