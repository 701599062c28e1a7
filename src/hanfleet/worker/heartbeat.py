"""Telling that and how the worker lives: every few seconds, and at once when its phase changes.

The beat renews the lease in the same transaction, so a worker that cannot tell cannot keep it either.
"""

from hanfleet.store.records import Beat
from hanfleet.worker.desk import Desk
from hanfleet.worker.lease import LeaseKeeper
from hanfleet.worker.memory import rss_mb, uss_mb
from hanfleet.worker.patience import wait_for_either

_USS_EVERY = 5


class Heartbeat:
    """The beats of one worker."""

    def __init__(self, desk: Desk, lease: LeaseKeeper, every_s: float) -> None:
        self._desk = desk
        self._lease = lease
        self._every_s = every_s
        self._beats = 0
        self._uss_mb = 0.0

    async def run(self) -> None:
        """Beat until cancelled. Raises FencedError when the lease is gone, StoreUnavailableError after long silence."""
        lag_ms = 0.0
        while True:
            self._desk.phase_changed.clear()
            await self._lease.renew(self._beat(lag_ms))
            asleep = self._desk.clock.monotonic()
            if not await wait_for_either(self._desk.phase_changed, self._every_s, self._desk.clock):
                late_s = self._desk.clock.monotonic() - asleep - self._every_s
                lag_ms = max(0.0, late_s * 1000)

    def _beat(self, lag_ms: float) -> Beat:
        if self._beats % _USS_EVERY == 0:
            self._uss_mb = uss_mb()
        self._beats += 1
        tally = self._desk.tally
        return Beat(
            phase=self._desk.phase,
            loop_lag_ms=lag_ms,
            connected=self._desk.line.is_up,
            last_update_at=tally.last_update_at,
            rss_mb=rss_mb(),
            uss_mb=self._uss_mb,
            messages_in=tally.messages_in,
            messages_out=tally.messages_out,
            answer_latency_ms=tally.answer_latency_ms,
        )
