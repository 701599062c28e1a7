"""Shuts out bots that hold or open more connections to the servers than any worker needs, logged in or not.

To a server nobody is anybody before the log-in, and each knock costs PostgreSQL a process. The kernel tells whose it is
where each worker has a uid of its own: under root, and with servers on this machine. Elsewhere this watch sees nobody.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from hanfleet.core.events import DatabaseSessionEnded
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.launchers.containment import is_uid_of_bot, uid_of
from hanfleet.store.session import Store
from hanfleet.supervisor.callers import callers
from hanfleet.supervisor.consequences import Consequences
from hanfleet.supervisor.expulsion import ShutOut
from hanfleet.supervisor.recent import Recent
from hanfleet.supervisor.rounds import go_round
from hanfleet.supervisor.starter import SUPERVISOR

_log = get_logger("door watch")


@dataclass(frozen=True)
class DoorLimits:
    """Of both servers together. A worker holds four connections, and makes as many more where one dies at each start:
    some twenty in a minute, with the pauses between starts.
    """

    held: int = 16
    opened: int = 40
    opened_window_s: float = 60.0


class DoorWatch:
    """Looks every ``interval_s``. ``paths``: the servers' unix sockets."""

    def __init__(
        self,
        store: Store,
        paths: Collection[str],
        shut_out: ShutOut,
        clock: Clock,
        *,
        limits: DoorLimits | None = None,
        interval_s: float = 0.1,
        callers_of: Callable[[Collection[str]], dict[int, int]] = callers,
        uid_of_bot: Callable[[str], int] = uid_of,
    ) -> None:
        self._store = store
        self._paths = paths
        self._clock = clock
        self._limits = limits or DoorLimits()
        self._interval_s = interval_s
        self._callers_of = callers_of
        self._uid_of_bot = uid_of_bot
        self._known: dict[int, int] | None = None
        self._opened = Recent(self._limits.opened_window_s)
        self._consequences = Consequences(store, shut_out)

    async def run(self) -> None:
        """For ever; cancel it to stop. Rests where there is nothing to see."""
        if self._paths:
            await go_round(self._look, lambda: self._interval_s, self._clock, of="the servers' doors")
        await asyncio.Event().wait()

    async def look(self) -> int:
        """One look and what follows from it; gives how many bots it found to be shut out."""
        async with asyncio.TaskGroup() as tasks:
            return await self._look(tasks)

    async def _look(self, tasks: asyncio.TaskGroup) -> int:
        """Raises HanfleetError, OSError; what follows begins all the same."""
        try:
            offences = self._offences()
            return await self._condemn(offences) if offences else 0
        finally:
            self._consequences.begin(tasks)

    def _offences(self) -> dict[int, str]:
        found = {inode: uid for inode, uid in self._callers_of(self._paths).items() if is_uid_of_bot(uid)}
        known, self._known = self._known, found
        now = self._clock.monotonic()
        for inode, uid in found.items():
            if known is not None and known.get(inode) != uid:
                self._opened.add(str(uid), now, 1)
        limits, held = self._limits, Counter(found.values())
        offences: dict[int, str] = {}
        for uid in held:
            opened = int(self._opened.sum(str(uid), now))
            if held[uid] > limits.held:
                offences[uid] = f"It held {held[uid]} connections to the servers."
            elif opened > limits.opened:
                offences[uid] = f"It was seen to connect {opened} times within {limits.opened_window_s:.0f} s."
        return offences

    async def _condemn(self, offences: dict[int, str]) -> int:
        async with self._store.transaction(SUPERVISOR) as tx:
            bots = [row.bot_id for row in await tx.bots.list()]
        found = 0
        for bot_id in bots:
            reason = offences.get(self._uid_of_bot(bot_id))
            if reason is not None:
                _log.warning("a bot knocks too much at the servers", bot_id=bot_id, reason=reason)
                self._opened.forget(str(self._uid_of_bot(bot_id)))
                self._consequences.add(DatabaseSessionEnded(bot_id=bot_id, reason=reason, shut_out=True))
                found += 1
        return found
