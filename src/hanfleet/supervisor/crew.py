"""The handles on living workers, one for each bot at most. Losing them loses nothing: adoption brings them back."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from hanfleet.core.process import ProcessPhase, ProcessStatus
from hanfleet.kit.clock import Clock
from hanfleet.launchers.port import BotProcess


@dataclass(frozen=True)
class Member:
    """A worker in our hands. ``watch`` is done when it is known how the worker ended."""

    process: BotProcess
    since: datetime
    watch: asyncio.Task[None]

    async def status(self) -> ProcessStatus | None:
        """Alive, or exited with its last word; None while it is dead and its last word is still being waited for."""
        status = await self.process.get_status()
        return status if status.phase is ProcessPhase.ALIVE or self.watch.done() else None


class Crew:
    """``hurry`` is called when a worker has died."""

    def __init__(self, clock: Clock, hurry: Callable[[], None]) -> None:
        self._clock = clock
        self._hurry = hurry
        self._members: dict[str, Member] = {}

    def member(self, bot_id: str) -> Member | None:
        return self._members.get(bot_id)

    def bots(self) -> tuple[str, ...]:
        return tuple(self._members)

    def hold(self, process: BotProcess) -> None:
        """Take hold of a worker, and let go of the bot's last one."""
        self.drop(process.bot_id)
        watch = asyncio.create_task(self._watch(process), name=f"watch {process.bot_id}")
        self._members[process.bot_id] = Member(process, self._clock.now(), watch)

    async def end(self, bot_id: str, drain_s: float) -> ProcessStatus | None:
        """Drain the bot's worker, kill it after ``drain_s``, and let go of it; None when there is none."""
        member = self._members.get(bot_id)
        if member is None:
            return None
        status = await member.process.stop(drain_s)
        self.drop(bot_id)
        return status

    def drop(self, bot_id: str) -> None:
        """Let go, without touching the worker."""
        member = self._members.pop(bot_id, None)
        if member:
            member.watch.cancel()
            member.process.close()

    async def disband(self) -> None:
        """Let go of everybody; living workers live on."""
        watches = [member.watch for member in self._members.values()]
        for bot_id in self.bots():
            self.drop(bot_id)
        await asyncio.gather(*watches, return_exceptions=True)

    async def _watch(self, process: BotProcess) -> None:
        await process.wait()
        self._hurry()
