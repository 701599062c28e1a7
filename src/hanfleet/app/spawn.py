"""Processes that this process starts itself: their birth, their exit, and signals that cannot hit a stranger.

Waiting goes through a pidfd in the running event loop, not through asyncio's child watchers: those and the reaper of
orphans (children.py) would take each other's exits. Refuses to hand down anything that was not asked for: the
environment, file descriptors and standard input are what the caller names. Linux only.
"""

import asyncio
import ctypes
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hanfleet.app.account import Account
from hanfleet.core.errors import PermanentError

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec a child must not load libraries.
_libc = ctypes.CDLL(None, use_errno=True)

_living: dict[int, "Spawned"] = {}


class Spawned:
    """One child process. ``returncode`` is None while it lives; negative: the signal that ended it.

    ``output`` is the file it writes to, from ``output_start`` bytes on.
    """

    def __init__(self, process: subprocess.Popen[bytes], output: Path, output_start: int) -> None:
        self._process = process
        self.output = output
        self.output_start = output_start
        self.pid = process.pid
        # Nobody else reaps our children, so the pid cannot have been given away yet.
        self._pidfd: int | None = os.pidfd_open(self.pid)
        _living[self.pid] = self

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def collect(self) -> bool:
        """Take the exit status if there is one; True when the process is over."""
        if self._process.poll() is None:
            return False
        _living.pop(self.pid, None)
        return True

    async def wait(self) -> int:
        """Wait for the exit and give ``returncode``. Any number of tasks may wait; cancelling one is harmless."""
        while not self.collect():
            await _readable(self._pidfd)
        self._close()
        assert self._process.returncode is not None
        return self._process.returncode

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the process is over."""
        if self._pidfd is None:
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    async def stop(self, number: signal.Signals, *, within: float) -> int:
        """Send ``number``, wait ``within`` seconds, then SIGKILL; gives ``returncode``."""
        self.send(number)
        # Not asyncio.timeout: in a task that is being cancelled, and stopping is done there, Python 3.11.2 (Debian 12)
        # lets it raise CancelledError instead of TimeoutError, and the process would be left alone.
        over = asyncio.ensure_future(self.wait())
        try:
            await asyncio.wait([over], timeout=within)
        finally:
            if not over.done():
                self.send(signal.SIGKILL)
        return await over

    def _close(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


def spawn(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    output: Path,
    folder: Path | None = None,
    account: Account | None = None,
    parent_death_signal: signal.Signals | None = None,
    memory_bytes: int | None = None,
    pass_fds: Sequence[int] = (),
) -> Spawned:
    """Start ``argv`` in a session of its own, its output appended to the file ``output``.

    ``memory_bytes`` bounds what it and each process that it starts has for itself alone (RLIMIT_DATA).

    With ``parent_death_signal`` the kernel sends it that signal when the calling *thread* ends, so only the main
    thread may ask for it. Raises PermanentError when the program cannot be started.
    """
    if parent_death_signal and threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a parent-death signal follows the calling thread: spawn from the main thread")
    log = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        start = os.fstat(log).st_size
        process = subprocess.Popen(  # noqa: S603 - the callers' own programs, never a shell
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(environ),
            cwd=folder,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            umask=0o077,
            pass_fds=pass_fds,
            start_new_session=True,
            preexec_fn=_bound(parent_death_signal, memory_bytes),  # noqa: PLW1509 - system calls alone
        )
        return Spawned(process, output, start)
    except (OSError, subprocess.SubprocessError) as failed:
        raise PermanentError(f"{argv[0]} cannot be started: {failed}") from failed
    finally:
        os.close(log)


def is_ours(pid: int) -> bool:
    """Whether ``pid`` was started here and its exit is still to be collected by its owner."""
    return pid in _living


def collect(pid: int) -> None:
    """Let the owner of our own child ``pid`` take its exit now."""
    if child := _living.get(pid):
        child.collect()


def _bound(number: signal.Signals | None, memory_bytes: int | None) -> Callable[[], None] | None:
    if number is None and memory_bytes is None:
        return None
    parent = os.getpid()

    def arm() -> None:
        if memory_bytes is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        # Runs after the change of user, which would clear the setting. The parent may be gone already by now.
        if number and (_libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0 or os.getppid() != parent):
            os._exit(127)

    return arm


def _resolve(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


async def _readable(pidfd: int | None) -> None:
    if pidfd is None:
        return
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    # A loop knows one reader for each descriptor, and several tasks may wait for the same process.
    own = os.dup(pidfd)
    try:
        loop.add_reader(own, _resolve, over)
        await over
    finally:
        loop.remove_reader(own)
        os.close(own)
