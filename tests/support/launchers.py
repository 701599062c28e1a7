"""Launchers for tests, named by how they behave. Their workers are promises in memory, not processes."""

import asyncio
import itertools
from dataclasses import dataclass, field
from pathlib import Path

from hanfleet.core.commands import Command, Response
from hanfleet.core.errors import ConflictError, TemporaryError
from hanfleet.core.process import ProcessPhase, ProcessRef, ProcessStatus
from hanfleet.core.startup import WorkerLimits, WorkerStartup
from hanfleet.launchers.port import CommandRoute, Naming, Sighting
from hanfleet.launchers.process_table import node_name

_pids = itertools.count(1_000_000_000)


async def nobody(_ref: ProcessRef) -> None:
    """A Naming for tests without leases."""


class ImaginaryWorker:
    """A BotProcess that lives until it is stopped or a test lets it ``die``."""

    def __init__(
        self, startup: WorkerStartup, named: Naming, *, drains: bool = True, route: CommandRoute | None = None
    ) -> None:
        self.startup = startup
        self._named = named
        self._drains = drains
        self._route = route
        self._ref: ProcessRef | None = None
        self._over: asyncio.Event = asyncio.Event()
        self.exit_status: int | None = None

    @property
    def bot_id(self) -> str:
        return self.startup.bot_id

    @property
    def ref(self) -> ProcessRef | None:
        return self._ref

    async def start(self) -> None:
        if self._ref:
            raise ConflictError("started before")
        ref = ProcessRef(node_name(), "no boot", next(_pids), 1)
        await self._named(ref)
        self._ref = ref

    def die(self, status: int | None) -> None:
        if not self._over.is_set():
            self.exit_status = status
            self._over.set()

    async def stop(self, drain_s: float) -> ProcessStatus:
        if self._ref is None:
            return ProcessStatus(ProcessPhase.NEVER_STARTED)
        self.die(0 if self._drains else -9)
        return await self.get_status()

    async def get_status(self) -> ProcessStatus:
        if self._ref is None:
            return ProcessStatus(ProcessPhase.NEVER_STARTED)
        phase = ProcessPhase.EXITED if self._over.is_set() else ProcessPhase.ALIVE
        return ProcessStatus(phase, self._ref, self.exit_status)

    async def handle_command(self, command: Command) -> Response:
        if (await self.get_status()).phase is not ProcessPhase.ALIVE or self._route is None:
            raise ConflictError("not alive")
        return await self._route(self.bot_id, command)

    async def wait(self) -> ProcessStatus:
        if self._ref is None:
            raise ConflictError("never started")
        await self._over.wait()
        return await self.get_status()

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class ObedientLauncher:
    """Starts at once whatever it is asked for."""

    route: CommandRoute | None = None
    launched: list[ImaginaryWorker] = field(default_factory=list)

    def prepare(self, startup: WorkerStartup, limits: WorkerLimits, log_path: Path, named: Naming) -> ImaginaryWorker:
        return ImaginaryWorker(startup, named, drains=not startup.bot_id.startswith("stubborn"), route=self.route)

    async def launch(
        self, startup: WorkerStartup, limits: WorkerLimits, log_path: Path, named: Naming
    ) -> ImaginaryWorker:
        worker = self.prepare(startup, limits, log_path, named)
        await worker.start()
        self.launched.append(worker)
        if startup.bot_id.startswith(("clean", "reauth")):
            worker.die(0 if startup.bot_id.startswith("clean") else 82)
        return worker

    async def adopt(self, bot_id: str, ref: ProcessRef) -> ImaginaryWorker | None:
        for worker in self.launched:
            if worker.ref == ref and (await worker.get_status()).phase is ProcessPhase.ALIVE:
                return worker
        return None

    async def list(self) -> tuple[Sighting, ...]:
        statuses = [(worker, await worker.get_status()) for worker in self.launched]
        return tuple(
            Sighting(worker.bot_id, status.ref)
            for worker, status in statuses
            if status.ref and status.phase is ProcessPhase.ALIVE
        )

    async def close(self) -> None:
        """Nothing is held."""


class SlowLauncher(ObedientLauncher):
    """Takes until the test opens the gate, for the bots named; others start at once."""

    def __init__(self, *slow: str) -> None:
        super().__init__()
        self.slow = slow
        self.gate = asyncio.Event()

    async def launch(
        self, startup: WorkerStartup, limits: WorkerLimits, log_path: Path, named: Naming
    ) -> ImaginaryWorker:
        if startup.bot_id in self.slow:
            await self.gate.wait()
        return await super().launch(startup, limits, log_path, named)


class AwayLauncher(ObedientLauncher):
    """Nothing can start workers, until ``back`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.back = False
        self.refused = 0

    async def launch(
        self, startup: WorkerStartup, limits: WorkerLimits, log_path: Path, named: Naming
    ) -> ImaginaryWorker:
        if not self.back:
            self.refused += 1
            raise TemporaryError("The zygote is away.", retry_after=0.01)
        return await super().launch(startup, limits, log_path, named)


class StillbornLauncher(ObedientLauncher):
    """Every worker is dead at once, with ``status``."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status

    async def launch(
        self, startup: WorkerStartup, limits: WorkerLimits, log_path: Path, named: Naming
    ) -> ImaginaryWorker:
        worker = await super().launch(startup, limits, log_path, named)
        worker.die(self.status)
        return worker
