"""The right to use the bot's Telegram session, as its holder sees it (ADR 0003).

The deadline is ours and monotonic: it counts from before each renewal was asked for, so however slow the answer was,
this worker has left Telegram before the database could give the lease to somebody else.
"""

import asyncio
from datetime import datetime

from hanfleet.core.errors import FencedError
from hanfleet.core.process import ProcessRef
from hanfleet.kit.clock import Clock
from hanfleet.store.records import Beat
from hanfleet.store.session import Transaction
from hanfleet.worker.ledger import Ledger, Step

_MARGIN_SHARE = 0.2


class LeaseKeeper:
    """One epoch of one bot's lease."""

    def __init__(self, bot_id: str, ledger: Ledger, *, epoch: int, ttl_s: float, clock: Clock) -> None:
        self._bot_id = bot_id
        self._ledger = ledger
        self._epoch = epoch
        self._ttl_s = ttl_s
        self._clock = clock
        self._safe_until = float("-inf")
        self._renewed = asyncio.Event()

    async def claim(self, ref: ProcessRef) -> None:
        """Become the holder. Raises FencedError when the epoch is over or somebody else claimed it."""
        asked = self._clock.monotonic()

        async def claim(tx: Transaction) -> bool:
            nonlocal asked
            asked = self._clock.monotonic()
            return await tx.leases.claim(self._epoch, ref, self._ttl_s)

        if not await self._ledger.run(Step.CLAIM, claim):
            raise FencedError(f"The lease of {self._bot_id} was granted to another worker before this one claimed it.")
        self._extend(asked)

    async def renew(self, beat: Beat) -> None:
        """Stay the holder, and tell how the worker is. Raises FencedError when somebody else was granted the lease."""
        asked = self._clock.monotonic()

        async def renew(tx: Transaction) -> bool:
            nonlocal asked
            asked = self._clock.monotonic()
            if not await tx.leases.renew(self._epoch, self._ttl_s):
                return False
            oldest: datetime | None = await tx.conversations.oldest_unanswered_at(self._bot_id)
            return await tx.heartbeats.beat(self._epoch, Beat(**{**vars(beat), "oldest_unanswered_at": oldest}))

        if not await self._ledger.run(Step.RENEW, renew):
            raise FencedError(f"The lease of {self._bot_id} was granted to another worker.")
        self._extend(asked)

    async def release(self) -> None:
        """Give it back. Raises StoreUnavailableError."""
        self._safe_until = float("-inf")
        await self._ledger.run(Step.RELEASE, lambda tx: tx.leases.release(self._epoch))

    def is_safe(self) -> bool:
        """True while the session is surely ours alone."""
        return self._clock.monotonic() < self._safe_until

    async def until_unsafe(self) -> None:
        """Return when the deadline has passed without a renewal."""
        while (left := self._safe_until - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)

    async def until_safe(self) -> None:
        """Return when the lease was renewed in time again."""
        while not self.is_safe():
            self._renewed.clear()
            await self._renewed.wait()

    def _extend(self, asked: float) -> None:
        self._safe_until = asked + self._ttl_s * (1 - _MARGIN_SHARE)
        self._renewed.set()
