"""Which bot the connections at the servers' doors belong to, before anybody has logged in: two ways to know.

A worker's descriptors tell, where its kernel lets us look at them. Where root runs the fleet, each worker has a uid of
its own as well, which the kernel tells of each connection. Refuses to judge how many are too many.
"""

import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from hanfleet.core.process import ProcessRef
from hanfleet.launchers.containment import is_uid_of_bot, uid_of
from hanfleet.launchers.process_table import sockets_of
from hanfleet.store.leases import lease_of
from hanfleet.store.session import Store
from hanfleet.supervisor.callers import Door, at_the_door
from hanfleet.supervisor.starter import SUPERVISOR

#: Gives what stands at the doors now: inode of the bot's end → bot. Raises HanfleetError, OSError.
Knocks = Callable[[], Awaitable[Mapping[int, str]]]


def knocks_of(store: Store, paths: Collection[str]) -> Knocks:
    """All ways to know that whoever runs this process has."""
    ways: list[Knocks] = [KnocksByProcess(paths, lambda: _workers(store))]
    if os.geteuid() == 0:
        ways.append(KnocksByUser(paths, lambda: _bots(store)))

    async def knocks() -> Mapping[int, str]:
        return {inode: bot_id for way in ways for inode, bot_id in (await way()).items()}

    return knocks


class KnocksByUser:
    """Sees connections that a worker has and hides, or that we may not look at, but none that is closed at once.

    ``bots``: all there are; asked when an unknown worker stands at the door.
    """

    def __init__(
        self,
        paths: Collection[str],
        bots: Callable[[], Awaitable[Iterable[str]]],
        *,
        look: Callable[[Collection[str]], Door] = at_the_door,
    ) -> None:
        self._paths = paths
        self._bots = bots
        self._look = look
        self._known: dict[int, str] = {}

    async def __call__(self) -> Mapping[int, str]:
        found = {inode: uid for inode, uid in self._look(self._paths).callers.items() if is_uid_of_bot(uid)}
        if not self._known.keys() >= set(found.values()):
            self._known = {uid_of(bot_id): bot_id for bot_id in await self._bots()}
        return {inode: self._known[uid] for inode, uid in found.items() if uid in self._known}


class KnocksByProcess:
    """The sockets of the ``workers``, looked at anew when somebody comes to a door or goes.

    Counts what a worker has and the door, too; and what it has closed since, for of connections that live for less than
    a look nothing else is ever seen. Sees nothing of a worker that may not be looked at (launchers/containment.py: in
    an ordinary user's fleet where the kernel has no Landlock; for root in a container that may not trace).
    """

    def __init__(
        self,
        paths: Collection[str],
        workers: Callable[[], Awaitable[Mapping[str, ProcessRef]]],
        *,
        look: Callable[[Collection[str]], Door] = at_the_door,
    ) -> None:
        self._paths = paths
        self._workers = workers
        self._look = look
        self._ends: frozenset[int] = frozenset()
        self._found: Mapping[int, str] = {}

    async def __call__(self) -> Mapping[int, str]:
        ends = self._look(self._paths).ends
        if ends != self._ends:
            workers = await self._workers()
            had = {inode: bot_id for bot_id, ref in workers.items() for inode in sockets_of(ref)}
            door = self._look(self._paths)
            have = frozenset().union(*map(sockets_of, workers.values()))
            elsewhere = have - door.callers.keys()
            found = {inode: bot_id for inode, bot_id in had.items() if inode not in elsewhere}
            self._found, self._ends = found, ends
        return self._found


async def _bots(store: Store) -> list[str]:
    async with store.transaction(SUPERVISOR) as tx:
        return [row.bot_id for row in await tx.bots.list()]


async def _workers(store: Store) -> dict[str, ProcessRef]:
    async with store.transaction(SUPERVISOR) as tx:
        leases = {lease.name: lease.holder for lease in await tx.leases.all()}
        bots = [row.bot_id for row in await tx.bots.list()]
    return {bot_id: holder for bot_id in bots if (holder := leases.get(lease_of(bot_id))) is not None}
