"""One supervisor leads, by a lease row; another one stands by and takes over.

Leadership keeps two supervisors from working against each other. It is not what keeps a Telegram session from being
used twice: that are the bots' own leases, which hold even while two supervisors both believe that they lead.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from hanfleet.core.errors import StoreUnavailableError
from hanfleet.core.events import LeaderElected
from hanfleet.core.process import Lease, ProcessRef
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.store.leases import SUPERVISOR_LEASE
from hanfleet.store.session import Store, Transaction
from hanfleet.supervisor.leases import LeaseWatch
from hanfleet.supervisor.reconciler import Holder
from hanfleet.supervisor.starter import SUPERVISOR

_log = get_logger("leader")


class Leadership:
    """Stands by, leads, stands by again. ``ref`` is this process."""

    def __init__(
        self, store: Store, ref: ProcessRef, watch: LeaseWatch, clock: Clock, *, ttl_s: float = 6.0, poll_s: float = 0.5
    ) -> None:
        self._store = store
        self._ref = ref
        self._watch = watch
        self._clock = clock
        self._ttl_s = ttl_s
        self._poll_s = poll_s
        self._epoch: int | None = None

    @property
    def leads(self) -> bool:
        return self._epoch is not None

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Run ``lead`` whenever this process leads, and cancel it when that ends.

        Returns when ``lead`` does, and raises what it raises; the lead is handed back before.
        """
        while True:
            await self._stand_by()
            leading = asyncio.ensure_future(lead())
            renewing = asyncio.ensure_future(self._renew())
            try:
                await asyncio.wait({leading, renewing}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                # Not leading any more means: nothing that was begun is carried on.
                over = leading.done()
                for task in (leading, renewing):
                    task.cancel()
                await asyncio.gather(leading, renewing, return_exceptions=True)
                await self._hand_back()
            if over:
                leading.result()
                return
            if not renewing.cancelled() and (trouble := renewing.exception()):
                _log.error("the lease could not be renewed", error=str(trouble))

    async def _stand_by(self) -> None:
        said = False
        while True:
            with suppress(StoreUnavailableError):
                lease = await self._acquire()
                if lease is not None:
                    self._epoch = lease.epoch
                    _log.info("leads the fleet", epoch=lease.epoch)
                    return
                if not said:
                    _log.info("another supervisor leads; standing by")
                    said = True
            await self._clock.sleep(self._poll_s)

    async def _acquire(self) -> Lease | None:
        async with self._store.transaction(SUPERVISOR) as tx:
            old = await tx.leases.get(SUPERVISOR_LEASE)
            # A dead leader of this node need not be waited for.
            if old is not None and not old.expired and self._watch.holder_of(old) is Holder.DEAD:
                await tx.leases.force_expire(SUPERVISOR_LEASE)
            lease = await tx.leases.acquire_leader(self._ref, self._ttl_s)
            if lease is not None:
                await tx.events.append(LeaderElected(node=self._ref.node, epoch=lease.epoch), bot_id=None)
            return lease

    async def _renew(self) -> None:
        """Return when leadership is lost: taken by another, or not renewed within its time."""
        assert self._epoch is not None
        epoch = self._epoch
        until = self._clock.monotonic() + self._ttl_s
        while self._clock.monotonic() < until:
            await self._clock.sleep(self._ttl_s / 4)
            asked = self._clock.monotonic()
            try:
                async with self._store.transaction(SUPERVISOR) as tx:
                    held = await tx.leases.renew_leader(epoch, self._ttl_s)
            except StoreUnavailableError:
                continue
            if not held:
                _log.warning("another supervisor leads now")
                return
            until = asked + self._ttl_s
        _log.warning("the lease could not be renewed in time; standing by")

    async def _hand_back(self) -> None:
        epoch, self._epoch = self._epoch, None
        if epoch is None:
            return

        async def release(tx: Transaction) -> None:
            await tx.leases.release_leader(epoch)

        # Best effort: what is not handed back expires.
        with suppress(StoreUnavailableError):
            async with asyncio.timeout(2.0), self._store.transaction(SUPERVISOR) as tx:
                await release(tx)
