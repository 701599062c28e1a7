"""Replacing a bot's data key: a new one, the worker that knows it, every value sealed anew, and only then the old one
goes.

Each step is a transaction, and what is left to do is read from the rows: killed anywhere, the next call goes on. While
two keys stand no third is made. A key goes only when no value names it, nobody works with it, and no worker lives that
was started without its successor: such a one seals under the old key until it ends.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from hanfleet.control.sealing import ring_of, seals_texts
from hanfleet.core.errors import ConflictError, PermanentError
from hanfleet.core.events import BotRestartRequested
from hanfleet.kit.clock import Clock
from hanfleet.store.keys import BotKey
from hanfleet.store.leases import lease_of
from hanfleet.store.principals import SystemPrincipal
from hanfleet.store.sealed_values import PLACES, Place, SealedRow, Wanted
from hanfleet.store.session import Store, Transaction
from hanfleet.vault import KeyRing, MasterKey, new_data_key

T = TypeVar("T")
KEEPER = SystemPrincipal("keys")

_BATCH = 500
_LOOK_EVERY_S = 0.2
_ROUNDS = 100
_RESTARTS_WITHIN = timedelta(seconds=5)

#: Called before each step with a word for it.
Checkpoint = Callable[[str], None]


@dataclass(frozen=True)
class Rotated:
    """What came of one bot. ``waits``: its worker was started without the new key and goes on; ``broken``: values that
    do not open, for the sake of which the old key stays.
    """

    bot_id: str
    key: int
    resealed: int = 0
    waits: bool = False
    broken: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        return not self.waits and not self.broken


class DataKeys:
    """``store`` is the owner's, ``fence`` shuts a bot's database role out, ``patience_s`` is for a worker's restart."""

    def __init__(
        self,
        store: Store,
        master_key: MasterKey,
        fence: Callable[[str], Awaitable[None]],
        clock: Clock,
        *,
        patience_s: float,
        checkpoint: Checkpoint = lambda _step: None,
    ) -> None:
        self._store = store
        self._master_key = master_key
        self._fence = fence
        self._clock = clock
        self._patience_s = patience_s
        self._checkpoint = checkpoint

    async def rotate(self, bot_id: str) -> Rotated | None:
        """Give the bot a new key, or bring to its end what was begun before. None: it has no key."""
        newest = await self._step("begin", lambda tx: self._begin(tx, bot_id))
        if newest is None:
            return None
        resealed, broken = await self._reseal(bot_id)
        if not await self._worker_knows(newest):
            return Rotated(bot_id, newest.number, resealed, waits=True)
        for _ in range(_ROUNDS):
            more, broken = await self._reseal(bot_id)
            resealed += more
            if broken:
                return Rotated(bot_id, newest.number, resealed, broken=tuple(broken))
            if await self._step("finish", lambda tx: self._finish(tx, newest)):
                return Rotated(bot_id, newest.number, resealed)
            await self._clock.sleep(_LOOK_EVERY_S)
        raise ConflictError(f"Values of bot {bot_id} are being changed all the time: run hanfleet keys rotate again.")

    async def _begin(self, tx: Transaction, bot_id: str) -> BotKey | None:
        keys = await tx.keys.hold(bot_id)
        if not keys:
            return None
        if len(keys) == 1:
            await tx.keys.add(bot_id, self._master_key.wrap(bot_id, new_data_key()))
        return (await tx.keys.hold(bot_id))[-1]

    async def _worker_knows(self, newest: BotKey) -> bool:
        """Wait until no worker lives that does not know the newest key; False: one still does."""
        deadline = self._clock.monotonic() + self._patience_s
        while True:
            if await self._step("look", lambda tx: self._knows_or_restarts(tx, newest)):
                return True
            if self._clock.monotonic() >= deadline:
                return False
            await self._clock.sleep(_LOOK_EVERY_S)

    async def _knows_or_restarts(self, tx: Transaction, newest: BotKey) -> bool:
        lease = await tx.leases.get(lease_of(newest.bot_id))
        if lease is None or lease.epoch > newest.after_epoch:
            return True
        if lease.expired:
            if self._clock.now() - lease.expires_at < _RESTARTS_WITHIN:
                return False  # between two workers: who fences now may hit the next one
            # Nobody is known to live. Should there be somebody all the same, he writes nothing any more.
            await self._fence(newest.bot_id)
            return True
        row = await tx.bots.get(newest.bot_id)
        if row is not None and row.restart_generation == row.applied_generation:
            generation = await tx.bots.request_restart(newest.bot_id)
            restart = BotRestartRequested(bot_id=newest.bot_id, generation=generation)
            await tx.events.append(restart, bot_id=newest.bot_id)
        return False

    async def _finish(self, tx: Transaction, newest: BotKey) -> bool:
        """Drop the old keys if nothing needs them. Nobody else works with the bot's keys meanwhile."""
        bot_id = newest.bot_id
        await tx.keys.hold(bot_id)
        ring, wanted = await self._ring(tx, bot_id)
        for place in PLACES:
            # What was sealed with the old key between the last look and now.
            await _reseal_batch(tx, bot_id, place, ring, wanted, None)
            if (await tx.sealed.named(bot_id, place, ring.prefix))[1]:
                return False
        await tx.keys.drop_older(bot_id, newest.number)
        return True

    async def _reseal(self, bot_id: str) -> tuple[int, list[str]]:
        """Walk through every place once; gives how many values were sealed anew, and which do not open."""
        resealed, broken = 0, []
        for place in PLACES:
            after: tuple[object, ...] | None = None
            while True:
                start = after

                async def batch(
                    tx: Transaction, place: Place = place, start: tuple[object, ...] | None = start
                ) -> _Batch:
                    ring, wanted = await self._ring(tx, bot_id)
                    return await _reseal_batch(tx, bot_id, place, ring, wanted, start)

                done = await self._step(f"reseal {place.name}", batch)
                resealed += done.resealed
                broken += done.broken
                if done.last is None:
                    break
                after = done.last
        return resealed, broken

    async def _ring(self, tx: Transaction, bot_id: str) -> tuple[KeyRing, Wanted]:
        ring, row = await ring_of(tx, self._master_key, bot_id), await tx.bots.get(bot_id)
        if ring is None or row is None:
            raise ConflictError(f"Bot {bot_id} was removed meanwhile.")
        return ring, Wanted(ring.prefix, seals_texts(row.config))

    async def _step(self, name: str, fn: Callable[[Transaction], Awaitable[T]]) -> T:
        self._checkpoint(name)
        return await self._store.run(KEEPER, fn)


@dataclass(frozen=True)
class _Batch:
    resealed: int
    broken: list[str]
    last: tuple[object, ...] | None


async def _reseal_batch(
    tx: Transaction, bot_id: str, place: Place, ring: KeyRing, wanted: Wanted, after: tuple[object, ...] | None
) -> _Batch:
    stale = await tx.sealed.stale(bot_id, place, wanted, after=after, limit=_BATCH)
    rows, broken = [], []
    for row in stale:
        try:
            rows.append(_anew(row, place, ring, wanted))
        except PermanentError:
            broken.append(f"{place.name} ({row.field})")
    if rows:
        await tx.sealed.put(bot_id, place, rows)
    if place.table == "sessions" and rows:
        assert stale[0].sealed is not None
        assert rows[0].sealed is not None
        await tx.sealed.session_was_resealed(bot_id, stale[0].sealed, rows[0].sealed)
    return _Batch(len(rows), broken, stale[-1].key if len(stale) == _BATCH else None)


def _anew(row: SealedRow, place: Place, ring: KeyRing, wanted: Wanted) -> SealedRow:
    """The row as wanted. Raises PermanentError for a value that does not open."""
    plain = row.clear.encode() if row.sealed is None else ring.open(row.field, row.sealed)
    if place.clear is not None and not wanted.seal_texts:
        return SealedRow(row.key, row.field, None, plain.decode())
    return SealedRow(row.key, row.field, ring.seal(row.field, plain))
