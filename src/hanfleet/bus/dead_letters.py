"""Events that a consumer group gave up on: kept beside the stream, to be looked at, replayed or dropped by a person."""

from dataclasses import dataclass

from hanfleet.bus import keys
from hanfleet.bus.connection import Bus
from hanfleet.core.errors import NotFoundError
from hanfleet.core.events import Category

_KEPT = 10_000


@dataclass(frozen=True)
class DeadLetter:
    """``raw`` is the event as it was on the stream; ``attempts`` counts its deliveries."""

    id: str
    raw: str
    attempts: int
    reason: str


class DeadLetters:
    """The dead letters of one group on one category's stream."""

    def __init__(self, bus: Bus, category: Category, group: str) -> None:
        self._bus = bus
        self._group = group
        self._stream = keys.events(category)
        self._key = keys.dead_letters(category, group)

    async def bury(self, entry_id: str, fields: dict[str, str], attempts: int, reason: str) -> None:
        """Take an entry out of the group's hands and keep it here, in one transaction."""
        letter = {"raw": fields.get("event", ""), "attempts": attempts, "reason": reason}
        with self._bus.guarded():
            async with self._bus.client.pipeline(transaction=True) as steps:
                steps.xadd(self._key, letter, maxlen=_KEPT, approximate=True)
                steps.xack(self._stream, self._group, entry_id)
                await steps.execute()

    async def list(self, *, limit: int = 50, after: str | None = None) -> list[DeadLetter]:
        """Oldest first; ``after`` is the id of the last one of the page before."""
        with self._bus.guarded():
            entries = await self._bus.client.xrange(self._key, min=f"({after}" if after else "-", count=limit)
        return [
            DeadLetter(entry_id, fields["raw"], int(fields["attempts"]), fields["reason"])
            for entry_id, fields in entries or ()
        ]

    async def replay(self, letter_id: str) -> None:
        """Put the event on its stream again, for every group: the others know its id. Raises NotFoundError."""
        with self._bus.guarded():
            entries = await self._bus.client.xrange(self._key, min=letter_id, max=letter_id)
        if not entries:
            raise NotFoundError(f"There is no dead letter {letter_id}: list them to see what is left.")
        with self._bus.guarded():
            async with self._bus.client.pipeline(transaction=True) as steps:
                steps.xadd(self._stream, {"event": entries[0][1]["raw"]})
                steps.xdel(self._key, letter_id)
                await steps.execute()

    async def drop(self, letter_id: str) -> None:
        """Forget it. Raises NotFoundError."""
        with self._bus.guarded():
            dropped = await self._bus.client.xdel(self._key, letter_id)
        if not dropped:
            raise NotFoundError(f"There is no dead letter {letter_id}: list them to see what is left.")
