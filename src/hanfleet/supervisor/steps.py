"""Carrying out what the reconciler asks for, one bot at a time and each bot for itself.

Where the order matters it is written down: what a next supervisor would find, should this one die between two lines,
must lead it on. Refuses to catch anything: `fleet.py` decides what a failed step means.
"""

import asyncio
import signal
from dataclasses import replace
from datetime import timedelta

from hanfleet.core.failures import FailureKind
from hanfleet.core.process import Lease
from hanfleet.core.states import BotState
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.launchers.port import Launcher
from hanfleet.store.records import BotRow
from hanfleet.supervisor import actions as act
from hanfleet.supervisor.crew import Crew
from hanfleet.supervisor.reconciler import View
from hanfleet.supervisor.restart_policy import RestartPolicy
from hanfleet.supervisor.starter import Starter
from hanfleet.supervisor.status_book import Pause, StatusBook

_log = get_logger("steps")


class Steps:
    """``drain_s``: how long a worker may drain; ``concurrent``: how many workers start at once."""

    def __init__(
        self,
        *,
        book: StatusBook,
        crew: Crew,
        starter: Starter,
        launcher: Launcher,
        policy: RestartPolicy,
        clock: Clock,
        drain_s: float,
        concurrent: int,
    ) -> None:
        self._book = book
        self._crew = crew
        self._starter = starter
        self._launcher = launcher
        self._policy = policy
        self._clock = clock
        self._drain_s = drain_s
        self._starts = asyncio.Semaphore(concurrent)
        self._cleaned: set[str] = set()

    async def carry_out(self, action: act.Action, view: View) -> None:  # noqa: C901 - a table of ten lines
        row = view.row
        if not isinstance(action, act.CleanUp):
            _log.info("step", bot_id=row.bot_id, action=type(action).__name__, reason=getattr(action, "reason", ""))
        match action:
            case act.Adopt():
                await self.adopt(action)
            case act.Start():
                await self._start(row, view.lease)
            case act.Stop():
                await self.stop(row, action.reason)
            case act.Kill():
                await self._kill(row, action.reason)
            case act.MarkRunning():
                await self._running(row)
            case act.MarkAwaitingLogin():
                await self._book.awaiting_login(row)
            case act.MarkFailed():
                await self._failed(row, action)
            case act.MarkStopped():
                await self._stopped(row, action)
            case act.CleanUp():
                await self._clean_up(row.bot_id)
            case act.Erase():
                await self._erase(row.bot_id)

    async def stop(self, row: BotRow, reason: str) -> None:
        """Drain, or kill; Stopped, or Failed when it did not drain in time."""
        await self._book.stopping(row, reason)
        status = await self._crew.end(row.bot_id, self._drain_s)
        if status is not None and status.exit_status == -signal.SIGKILL:
            late = f"It did not drain within {self._drain_s:.0f} s and was killed."
            await self._book.failed(row, BotState.STOPPING, FailureKind.TRANSIENT, late)
            return
        await self._book.stopped(replace(row, status=BotState.STOPPING), reason)
        self._policy.forget(row.bot_id)

    async def adopt(self, action: act.Adopt) -> None:
        process = await self._launcher.adopt(action.bot_id, action.ref)
        if process is not None:
            # One that we hold and that is not the holder is fenced; it only has not noticed yet.
            await self._crew.end(action.bot_id, 0.0)
            self._crew.hold(process)

    async def _start(self, row: BotRow, lease: Lease | None) -> None:
        self._crew.drop(row.bot_id)
        async with self._starts:
            self._policy.started(row.bot_id, self._clock.monotonic())
            self._crew.hold(await self._starter.start(row, lease))

    async def _kill(self, row: BotRow, reason: str) -> None:
        # The state first: should we die here, the next supervisor finds a Failed bot with a worker, and kills it.
        if row.status in {BotState.STARTING, BotState.RUNNING}:
            pause = self._pause(row.bot_id)
            await self._book.failed(row, row.status, FailureKind.TRANSIENT, reason, hung=True, pause=pause)
        await self._crew.end(row.bot_id, 0.0)

    async def _running(self, row: BotRow) -> None:
        await self._book.running(row)
        self._policy.running(row.bot_id, self._clock.monotonic())

    async def _failed(self, row: BotRow, action: act.MarkFailed) -> None:
        pause = self._pause(row.bot_id) if action.kind.restart_helps else None
        await self._book.failed(row, row.status, action.kind, action.reason, pause=pause)
        self._crew.drop(row.bot_id)

    async def _stopped(self, row: BotRow, action: act.MarkStopped) -> None:
        pause = self._pause(row.bot_id) if action.unasked else None
        await self._book.stopped(row, action.reason, pause=pause)
        if pause is None:
            self._policy.forget(row.bot_id)
        self._crew.drop(row.bot_id)

    async def _clean_up(self, bot_id: str) -> None:
        if bot_id not in self._cleaned:
            await self._starter.clean_up(bot_id)
            self._cleaned.add(bot_id)

    async def _erase(self, bot_id: str) -> None:
        # The rows last: as long as they stand, the next supervisor goes on here.
        await self._starter.clean_up(bot_id)
        for log in (self._starter.log_path(bot_id), self._starter.log_path(bot_id).with_suffix(".log.1")):
            log.unlink(missing_ok=True)
        await self._book.erase(bot_id)
        self._policy.forget(bot_id)

    def _pause(self, bot_id: str) -> Pause:
        now = self._clock.monotonic()
        wait = max(0.0, self._policy.failed(bot_id, now) - now)
        return Pause(self._policy.failures(bot_id), self._clock.now() + timedelta(seconds=wait))
