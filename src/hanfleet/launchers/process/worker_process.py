"""The handle on one worker of this machine: watched by pidfd, so it does not matter whose child it is."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from hanfleet.core.commands import Command, Response
from hanfleet.core.errors import ConflictError
from hanfleet.core.process import ProcessPhase, ProcessRef, ProcessStatus
from hanfleet.kit.clock import Clock
from hanfleet.launchers.exit_records import read_exit
from hanfleet.launchers.port import CommandRoute
from hanfleet.launchers.process_table import ProcessHandle, start_time

# The reaper needs a moment between the death, which we see at once, and the record.
_RECORD_WAIT_S = 2.0
_RECORD_POLL_S = 0.002

Fork = Callable[[], Awaitable[ProcessRef]]


class WorkerProcess:
    """A BotProcess (see launchers/port.py). Made by ProcessLauncher: with ``fork`` to be started, or with ``ref``."""

    def __init__(
        self,
        bot_id: str,
        *,
        exits_dir: Path,
        clock: Clock,
        route: CommandRoute | None,
        fork: Fork | None = None,
        handle: ProcessHandle | None = None,
    ) -> None:
        self._bot_id = bot_id
        self._exits_dir = exits_dir
        self._clock = clock
        self._route = route
        self._fork = fork
        self._handle = handle
        self._ref = handle.ref if handle else None
        self._last: ProcessStatus | None = None

    @property
    def bot_id(self) -> str:
        return self._bot_id

    @property
    def ref(self) -> ProcessRef | None:
        return self._ref

    async def start(self) -> None:
        if self._fork is None:
            raise ConflictError(f"The worker of bot {self._bot_id} was started before: launch a new one.")
        fork, self._fork = self._fork, None
        self._ref = await fork()
        self._handle = ProcessHandle.open(self._ref)

    async def stop(self, drain_s: float) -> ProcessStatus:
        if self._ref is None:
            return ProcessStatus(ProcessPhase.NEVER_STARTED)
        if self._last is None and self._handle is not None:
            self._handle.send(signal.SIGTERM)
            try:
                async with asyncio.timeout(drain_s):
                    await self._handle.wait()
            except TimeoutError:
                await self._handle.kill()
        return await self.wait()

    async def get_status(self) -> ProcessStatus:
        if self._ref is None:
            return ProcessStatus(ProcessPhase.NEVER_STARTED)
        if self._last is not None:
            return self._last
        if self._handle is not None and not self._handle.is_dead():
            return ProcessStatus(ProcessPhase.ALIVE, self._ref)
        return ProcessStatus(ProcessPhase.EXITED, self._ref, self._recorded(self._ref))

    async def handle_command(self, command: Command) -> Response:
        status = await self.get_status()
        if status.phase is not ProcessPhase.ALIVE or self._route is None:
            raise ConflictError(f"The worker of bot {self._bot_id} is not there to take a command: start the bot.")
        return await self._route(self._bot_id, command)

    async def wait(self) -> ProcessStatus:
        if self._ref is None:
            raise ConflictError(f"The worker of bot {self._bot_id} was never started.")
        if self._last is None:
            if self._handle is not None:
                await self._handle.wait()
            status = await self._exit_status(self._ref)
            self._last = ProcessStatus(ProcessPhase.EXITED, self._ref, status)
        return self._last

    def close(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            if self._last is None and self._ref is not None and handle.is_dead():
                self._last = ProcessStatus(ProcessPhase.EXITED, self._ref, self._recorded(self._ref))
            handle.close()

    async def _exit_status(self, ref: ProcessRef) -> int | None:
        """The recorded status of the dead process; None when its reaper wrote none."""
        deadline = self._clock.monotonic() + _RECORD_WAIT_S
        while True:
            # Asked before the record is read: the record is written first, then the pid is given back.
            reaped = start_time(ref.pid) != ref.start_time
            status = self._recorded(ref)
            if status is not None or reaped or self._clock.monotonic() > deadline:
                return status
            await self._clock.sleep(_RECORD_POLL_S)

    def _recorded(self, ref: ProcessRef) -> int | None:
        return read_exit(self._exits_dir, ref.pid, ref.start_time)
