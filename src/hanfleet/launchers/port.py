"""The launcher's contract: what the supervisor may count on, however and wherever a worker runs.

The awkward moments, for every implementation (tests/contracts/test_launcher.py holds each of them to it):

- **Born dying.** A worker may be dead before ``launch`` returns. That is no error: the handle says EXITED.
- **No launcher at hand.** ``launch`` while the zygote (or cluster) is away raises TemporaryError and promises that this
  start-up payload will not be used later. Living workers are not touched by it.
- **Named before it knows.** A worker gets its start-up payload when ``named`` has returned, which writes the process
  down as the holder of the bot's lease. Whoever dies before that leaves a process without a secret, which ends.
- **Unsure.** When the answer to a launch is lost, a worker may have been born that nobody has a handle on: it has no
  payload. The caller does not retry with the same epoch: it grants the next one (ADR 0003).
- **Found again.** ``adopt`` needs no parenthood and no memory of this launcher: a ProcessRef from a lease row is
  enough. A pid that came round again is not the same process: the start time decides, and the answer is None.
- **Exit statuses get lost.** Who adopts is not the parent. Where no record of the exit was written, the status is None;
  death itself is never in doubt.
- **Stopping twice**, stopping the dead and waiting twice are harmless. Cancelling a wait does not touch the worker.
- **A stopped (SIGSTOP) worker** does not drain; ``stop`` ends it with SIGKILL after the drain time-out.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hanfleet.core.commands import Command, Response
from hanfleet.core.process import ProcessRef, ProcessStatus
from hanfleet.core.startup import WorkerLimits, WorkerStartup

#: How a command reaches the worker of a bot. The supervisor gives IPCManager.send_command.
CommandRoute = Callable[[str, Command], Awaitable[Response]]
#: Given a newborn worker before it knows who it is; when it raises, the worker never gets to know.
Naming = Callable[[ProcessRef], Awaitable[None]]


class BotProcess(Protocol):
    """A handle on one worker, alive or not. It is of one process: a restarted bot has a new handle."""

    @property
    def bot_id(self) -> str: ...

    @property
    def ref(self) -> ProcessRef | None:
        """The process, also after its death. None before ``start``."""
        ...

    async def start(self) -> None:
        """Bring the worker into being; ``launch`` has done it already.

        Raises ConflictError when it was started before (also when it is dead: make a new one), TemporaryError when
        nothing can start workers now.
        """
        ...

    async def stop(self, drain_s: float) -> ProcessStatus:
        """Ask it to drain (SIGTERM), kill it after ``drain_s`` seconds, and return when it is proved dead.

        ``exit_status`` is -9 when draining took too long.
        """
        ...

    async def get_status(self) -> ProcessStatus:
        """What the operating system says now; never waits."""
        ...

    async def handle_command(self, command: Command) -> Response:
        """Send a live command and wait for the answer.

        Raises ConflictError when the worker is not alive, CommandTimeoutError or BusUnavailableError as the route does.
        """
        ...

    async def wait(self) -> ProcessStatus:
        """Wait for the death; phase is EXITED. ConflictError before ``start``."""
        ...

    def close(self) -> None:
        """Let go of the worker without touching it: alive, it lives on and may be adopted."""
        ...


@dataclass(frozen=True)
class Sighting:
    """A worker that a launcher itself keeps: alive when ``list`` was answered."""

    bot_id: str
    ref: ProcessRef


class Launcher(Protocol):
    """Starts workers and finds them again."""

    async def launch(self, startup: WorkerStartup, limits: WorkerLimits, log_path: Path, named: Naming) -> BotProcess:
        """Start a worker and give its handle; the worker reads ``startup`` from a channel of its own, after ``named``.

        Its output is appended to ``log_path``. Raises TemporaryError when nothing can start workers now, and what
        ``named`` raises.
        """
        ...

    async def adopt(self, bot_id: str, ref: ProcessRef) -> BotProcess | None:
        """A handle on a living worker that somebody started before; None when it is dead or on another machine."""
        ...

    async def list(self) -> tuple[Sighting, ...]:
        """The living workers that this launcher's machinery keeps. A new zygote does not know an old one's.

        Raises TemporaryError when the machinery is away.
        """
        ...

    async def close(self) -> None:
        """Let go of everything; workers live on."""
        ...
