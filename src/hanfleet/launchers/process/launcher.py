"""The launcher of one machine: asks the zygote for workers, and finds living ones again without it.

Holds no connection to the zygote between requests, so a restarted zygote is noticed by nobody.
"""

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from hanfleet.core.errors import TemporaryError
from hanfleet.core.process import ProcessRef
from hanfleet.core.startup import WorkerLimits, WorkerStartup
from hanfleet.kit.clock import Clock
from hanfleet.launchers.port import CommandRoute, Naming, Sighting
from hanfleet.launchers.process.wire import MAX_LINE, PIPE_BYTES, Answer, List, Spawn
from hanfleet.launchers.process.worker_process import WorkerProcess
from hanfleet.launchers.process_table import ProcessHandle, boot_id

_ANSWER_WITHIN_S = 5.0
_TRY_AGAIN_S = 0.2


class ProcessLauncher:
    """A Launcher (see launchers/port.py) over the zygote that serves ``socket_path``."""

    def __init__(
        self, socket_path: Path, exits_dir: Path, *, node: str, clock: Clock, route: CommandRoute | None = None
    ) -> None:
        self._socket_path = socket_path
        self._exits_dir = exits_dir
        self._node = node
        self._boot_id = boot_id()
        self._clock = clock
        self._route = route

    async def launch(
        self, startup: WorkerStartup, limits: WorkerLimits, log_path: Path, named: Naming
    ) -> WorkerProcess:
        process = self.prepare(startup, limits, log_path, named)
        await process.start()
        return process

    def prepare(self, startup: WorkerStartup, limits: WorkerLimits, log_path: Path, named: Naming) -> WorkerProcess:
        """A handle on a worker that is still to be started."""

        async def fork() -> ProcessRef:
            return await self._fork(startup, Spawn(bot_id=startup.bot_id, log_path=log_path, limits=limits), named)

        return WorkerProcess(startup.bot_id, exits_dir=self._exits_dir, clock=self._clock, route=self._route, fork=fork)

    async def adopt(self, bot_id: str, ref: ProcessRef) -> WorkerProcess | None:
        handle = ProcessHandle.open(ref) if ref.node == self._node else None
        if handle is None:
            return None
        if handle.is_dead():
            handle.close()
            return None
        return WorkerProcess(bot_id, exits_dir=self._exits_dir, clock=self._clock, route=self._route, handle=handle)

    async def list(self) -> tuple[Sighting, ...]:
        answer = await self._ask(List().to_line())
        return tuple(Sighting(born.bot_id, self._ref(born.pid, born.start_time)) for born in answer.workers)

    async def close(self) -> None:
        """Nothing is held between requests."""

    def _ref(self, pid: int, started: int) -> ProcessRef:
        return ProcessRef(node=self._node, boot_id=self._boot_id, pid=pid, start_time=started)

    async def _fork(self, startup: WorkerStartup, spawn: Spawn, named: Naming) -> ProcessRef:
        wire = startup.to_wire()
        if len(wire) > PIPE_BYTES:
            raise ValueError(f"the start-up of bot {startup.bot_id} is larger than a pipe")
        read_end, write_end = os.pipe()
        # Only we have this end: however we leave, also by SIGKILL, the child finds the end of the pipe.
        with os.fdopen(write_end, "wb", buffering=0) as pipe:
            try:
                answer = await self._ask(spawn.to_line(), read_end)
            finally:
                os.close(read_end)
            born = self._ref(answer.workers[0].pid, answer.workers[0].start_time)
            await named(born)
            # It fits into the pipe, so this cannot block; a child that is dead by now is its handle's to tell.
            with suppress(BrokenPipeError):
                pipe.write(wire)
        return born

    async def _ask(self, line: bytes, descriptor: int | None = None) -> Answer:
        """Raises TemporaryError when the zygote is away, silent or unable."""
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                raw = await _exchange(self._socket_path, line, descriptor)
            answer = Answer.model_validate_json(raw)
        except (OSError, TimeoutError, ValidationError) as failed:
            raise TemporaryError(
                f"The zygote does not answer on {self._socket_path} ({failed or 'time-out'}): "
                "`hanfleet up` starts it again; living workers go on.",
                retry_after=_TRY_AGAIN_S,
            ) from failed
        if answer.error is not None:
            raise TemporaryError(answer.error, retry_after=_TRY_AGAIN_S)
        return answer


async def _exchange(path: Path, line: bytes, descriptor: int | None) -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as connection:
        await loop.sock_connect(connection, str(path))
        sent = socket.send_fds(connection, [line], [] if descriptor is None else [descriptor])
        # Not even nothing may be sent to a zygote that has answered and hung up already.
        if rest := line[sent:]:
            await loop.sock_sendall(connection, rest)
        raw = b""
        while not raw.endswith(b"\n") and len(raw) <= MAX_LINE:
            chunk = await loop.sock_recv(connection, 65536)
            if not chunk:
                break
            raw += chunk
        return raw
