"""Shuts out bots that hold or open more connections to the servers than any worker needs, logged in or not.

To a server nobody is anybody before the log-in, and each knock costs PostgreSQL a process. The kernel tells whose it is
(supervisor/knocks.py) where the servers are on this machine; elsewhere this watch sees nobody.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from hanfleet.core.events import DatabaseSessionEnded
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.store.session import Store
from hanfleet.supervisor.consequences import Consequences
from hanfleet.supervisor.expulsion import ShutOut
from hanfleet.supervisor.knocks import Knocks
from hanfleet.supervisor.recent import Recent
from hanfleet.supervisor.rounds import go_round

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
    """Looks every ``interval_s``, and after ``soon_s`` while bots open connections: of who comes and goes, each look
    sees but one or two. ``knocks`` None: no server's door can be seen from here.
    """

    def __init__(
        self,
        store: Store,
        knocks: Knocks | None,
        shut_out: ShutOut,
        clock: Clock,
        *,
        limits: DoorLimits | None = None,
        interval_s: float = 0.1,
        soon_s: float = 0.02,
    ) -> None:
        self._knocks = knocks
        self._clock = clock
        self._limits = limits or DoorLimits()
        self._interval_s = interval_s
        self._soon_s = soon_s
        self._known: Mapping[int, str] | None = None
        self._opened = Recent(self._limits.opened_window_s)
        self._any_opened = False
        self._consequences = Consequences(store, shut_out)

    async def run(self) -> None:
        """For ever; cancel it to stop. Rests where there is nothing to see."""
        if self._knocks is not None:
            await go_round(
                self._look,
                lambda: self._soon_s if self._any_opened else self._interval_s,
                self._clock,
                of="the servers' doors",
            )
        await asyncio.Event().wait()

    async def look(self) -> int:
        """One look and what follows from it; gives how many bots it found to be shut out."""
        async with asyncio.TaskGroup() as tasks:
            return await self._look(tasks)

    async def _look(self, tasks: asyncio.TaskGroup) -> int:
        """Raises HanfleetError, OSError; what follows begins all the same."""
        try:
            offences = self._offences(await self._knocks()) if self._knocks is not None else {}
            for bot_id, reason in offences.items():
                _log.warning("a bot knocks too much at the servers", bot_id=bot_id, reason=reason)
                self._opened.forget(bot_id)
                self._consequences.add(DatabaseSessionEnded(bot_id=bot_id, reason=reason, shut_out=True))
            return len(offences)
        finally:
            self._consequences.begin(tasks)

    def _offences(self, found: Mapping[int, str]) -> dict[str, str]:
        known, self._known = self._known, found
        now = self._clock.monotonic()
        new = [bot_id for inode, bot_id in found.items() if known is not None and known.get(inode) != bot_id]
        self._any_opened = bool(new)
        for bot_id in new:
            self._opened.add(bot_id, now, 1)
        limits = self._limits
        offences: dict[str, str] = {}
        for bot_id, held in Counter(found.values()).items():
            opened = int(self._opened.sum(bot_id, now))
            if held > limits.held:
                offences[bot_id] = f"It held {held} connections to the servers."
            elif opened > limits.opened:
                offences[bot_id] = f"It was seen to connect {opened} times within {limits.opened_window_s:.0f} s."
        return offences
