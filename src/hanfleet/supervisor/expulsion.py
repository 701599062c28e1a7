"""What a bot meets that takes from others again and again: its log-ins are closed, and its process is killed.

The fleet starts it anew by its usual rules, with a new process and new passwords, later each time. Refuses to judge:
the watches do.
"""

from collections.abc import Awaitable, Callable

from hanfleet.store.leases import lease_of
from hanfleet.store.session import Store
from hanfleet.supervisor.leases import LeaseWatch
from hanfleet.supervisor.reconciler import Holder
from hanfleet.supervisor.starter import SUPERVISOR

#: Given a bot's id, ends what it has open and lets it in no more until its next start.
ShutOut = Callable[[str], Awaitable[None]]


class Expulsion:
    """``close`` shuts one door: the database's or the bus's. Without its process a bot knocks at neither for long."""

    def __init__(self, close: ShutOut, store: Store, leases: LeaseWatch) -> None:
        self._close = close
        self._store = store
        self._leases = leases
        #: Which start of a bot is not shut out yet, for all that was tried.
        self._owed: dict[str, int] = {}

    async def shut_out(self, bot_id: str) -> None:
        """Kill and close; another node's process is left to that node. Raises HanfleetError when a server is away: try
        again. A bot that was started anew since the first try has new passwords, and is left alone.

        The process first: as long as it lives, it can work against the closing. Neither waits for the other to succeed.
        """
        started_anew = False
        try:
            async with self._store.transaction(SUPERVISOR) as tx:
                lease = await tx.leases.get(lease_of(bot_id))
            epoch = lease.epoch if lease else 0
            started_anew = self._owed.setdefault(bot_id, epoch) != epoch
            if not started_anew and self._leases.holder_of(lease) is Holder.ALIVE:
                await self._leases.prove_free(lease)
        finally:
            if not started_anew:
                await self._close(bot_id)
        self._owed.pop(bot_id, None)
