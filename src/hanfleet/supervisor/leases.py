"""Who holds a bot's Telegram session, and the proof that nobody does before it is given to the next (ADR 0003).

A holder is whom a supervisor named when it launched the worker; no worker can name another. On this node the proof is a
death seen through a pidfd. For another node's holder there is no proof but time: the lease has to be expired for
``margin_s`` more, and a worker leaves Telegram before its own deadline. Refuses to grant.
"""

from hanfleet.core.errors import TemporaryError
from hanfleet.core.process import Lease, ProcessRef
from hanfleet.kit.clock import Clock
from hanfleet.launchers.process_table import ProcessHandle, boot_id, is_alive
from hanfleet.supervisor.reconciler import Holder


class LeaseWatch:
    """Judges holders. Remembers only since when it has seen another node's lease expired, by this process's clock."""

    def __init__(self, node: str, clock: Clock, *, margin_s: float = 10.0) -> None:
        self._node = node
        self._clock = clock
        self._margin_s = margin_s
        self._boot_id = boot_id()
        self._expired_since: dict[tuple[str, int], float] = {}

    def holder_of(self, lease: Lease | None) -> Holder:
        if lease is None or lease.holder is None:
            return Holder.NOBODY
        if lease.holder.node == self._node:
            return Holder.ALIVE if self._is_alive_here(lease.holder) else Holder.DEAD
        key = (lease.name, lease.epoch)
        if not lease.expired:
            self._expired_since.pop(key, None)
            return Holder.ELSEWHERE
        since = self._expired_since.setdefault(key, self._clock.monotonic())
        return Holder.DEAD if self._clock.monotonic() - since >= self._margin_s else Holder.ELSEWHERE

    async def prove_free(self, lease: Lease | None) -> None:
        """Return when nobody can hold ``lease`` any more: a living holder on this node is killed.

        Raises TemporaryError while another node's holder may live.
        """
        holder = self.holder_of(lease)
        if holder is Holder.ELSEWHERE:
            assert lease is not None
            raise TemporaryError(f"{lease.name} is held by another node until {lease.expires_at}: it is left alone.")
        if holder is Holder.ALIVE:
            assert lease is not None
            assert lease.holder is not None
            handle = ProcessHandle.open(lease.holder)
            if handle is not None:
                try:
                    await handle.kill()
                finally:
                    handle.close()

    def _is_alive_here(self, ref: ProcessRef) -> bool:
        return ref.boot_id == self._boot_id and is_alive(ref)
