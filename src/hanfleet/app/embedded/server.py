"""What PostgreSQL and Valkey have in common as children of ours: one owner per data folder, start, exit, stop.

A server that a killed parent left behind is recognised by its working folder, which is the data folder for both, and
only such a process is ever signalled. The lock that says whose the folder is, is ours and not the servers': Valkey
has none, and PostgreSQL's is a pid in a file, which may be a stranger's by now.
"""

import asyncio
import fcntl
import os
import signal
from abc import ABC, abstractmethod
from pathlib import Path

from hanfleet.app.home import Home
from hanfleet.app.readiness import until_ready
from hanfleet.app.spawn import Spawned, spawn
from hanfleet.core.errors import ConflictError, TemporaryError

# No locale of the caller reaches the servers: an invalid LC_ALL stops them, an unset LANG changes encodings.
CLEAN_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


class EmbeddedServer(ABC):
    """One server of one home. ``start`` may be called again after it died; ``stop`` gives the data folder back."""

    name: str
    stop_signal: signal.Signals
    start_within_s = 60.0
    stop_within_s = 20.0
    #: Of memory that the process shares with nobody. Who wants more gets an error.
    largest_process_bytes: int | None = None

    def __init__(self, home: Home) -> None:
        self._home = home
        self._account = home.account
        self._process: Spawned | None = None
        self._lock: int | None = None

    @property
    def pid(self) -> int | None:
        """The process, while it lives."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def log(self) -> Path:
        return self._home.logs / f"{self.name}.log"

    @property
    def data(self) -> Path:
        """The server's working folder."""
        return self._home.server_folder(self.name)

    @abstractmethod
    async def _prepare(self) -> list[str]:
        """Write configuration, make the data when missing, and give the command line."""

    @abstractmethod
    async def _answers(self) -> bool:
        """Whether the server serves by now. OSError and EOFError count as not yet."""

    async def start(self) -> None:
        """Come back when the server serves. Nothing happens when it runs already.

        Raises ConflictError when another process holds the data, PermanentError when the server refuses to start,
        TemporaryError when it does not serve within ``start_within_s``.
        """
        if self.pid is not None:
            return
        self._hold()
        try:
            await self._see_off_leftovers(self.data)
            argv = await self._prepare()
            self._process = spawn(
                argv,
                environ=CLEAN_ENVIRONMENT,
                output=self.log,
                folder=self.data,
                account=self._account,
                parent_death_signal=self.stop_signal,
                memory_bytes=self.largest_process_bytes,
            )
            await until_ready(self._process, self._answers, name=self.name, within_s=self.start_within_s)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Shut the server down: within ``stop_within_s`` properly, then by force. Harmless when it does not run."""
        if self._process is not None:
            await self._process.stop(self.stop_signal, within=self.stop_within_s)
            self._process = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def wait(self) -> int:
        """Wait until the server ends, for whatever reason; gives its exit status (negative: the signal)."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return await self._process.wait()

    def _hold(self) -> None:
        if self._lock is not None:
            return
        lock = os.open(self._home.servers / f"{self.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise ConflictError(
                f"Another hanfleet uses {self._home.path}: stop it, or choose another home with --home."
            ) from None
        self._lock = lock

    async def _see_off_leftovers(self, folder: Path) -> None:
        """Wait for the end of processes that a killed parent left in ``folder``."""
        loop = asyncio.get_running_loop()
        for number in (self.stop_signal, signal.SIGKILL):
            left = processes_in(folder, number)
            deadline = loop.time() + self.stop_within_s
            while left and loop.time() < deadline:
                await asyncio.sleep(0.02)
                left = processes_in(folder)
            if not left:
                return
        raise TemporaryError(f"{self.name} of an earlier run does not end (pids {left}): restart the machine.")


def processes_in(folder: Path, number: signal.Signals | None = None) -> list[int]:
    """The processes whose working folder is ``folder``; with ``number`` each of them is sent that signal."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if _works_in(pid, folder, number)]


def _works_in(pid: int, folder: Path, number: signal.Signals | None) -> bool:
    # The folder is read again with the process held by a pidfd, so that a pid that came round is never signalled.
    try:
        if not _is_cwd(pid, folder):
            return False
        held = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not _is_cwd(pid, folder):
            return False
        if number is not None:
            signal.pidfd_send_signal(held, number)
    except OSError:
        return False
    finally:
        os.close(held)
    return True


def _is_cwd(pid: int, folder: Path) -> bool:
    # A zombie and another user's process have no readable link: neither can be one of ours at work.
    return Path(f"/proc/{pid}/cwd").readlink() == folder
