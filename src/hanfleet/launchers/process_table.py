"""What the operating system says of a process, and signals that can hit no other one. Linux ≥ 5.3 only.

A pid is reused; a ProcessRef (pid, start time, boot id, node) is not. Every signal here goes through a pidfd that was
checked against the start time after it was opened, so there is no moment in which a stranger could be hit.
"""

import asyncio
import errno
import os
import platform
import select
import signal
from contextlib import suppress
from pathlib import Path

from hanfleet.core.process import ProcessRef

_START_TIME_FIELD = 22  # proc_pid_stat(5)
_FIRST_FIELD_AFTER_NAME = 3
_SOCKET = "socket:["


def node_name() -> str:
    """The machine's name, as leases know it."""
    return platform.node()


def boot_id() -> str:
    """Changes with every boot: a process of another boot is dead."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()


def start_time(pid: int) -> int | None:
    """Clock ticks from boot to the start of ``pid``; None when there is no such process. A zombie still has one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in parentheses and may hold spaces and parentheses itself.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return int(fields[_START_TIME_FIELD - _FIRST_FIELD_AFTER_NAME])


def ref_of(pid: int, node: str) -> ProcessRef | None:
    """The process that has ``pid`` now, zombies included."""
    started = start_time(pid)
    return None if started is None else ProcessRef(node=node, boot_id=boot_id(), pid=pid, start_time=started)


def is_alive(ref: ProcessRef) -> bool:
    """Whether this very process lives, on this machine. A zombie is dead; a stopped process lives."""
    handle = ProcessHandle.open(ref)
    if handle is None:
        return False
    try:
        return not handle.is_dead()
    finally:
        handle.close()


def sockets_of(ref: ProcessRef) -> frozenset[int]:
    """Inodes of the sockets that the process has open: none when it is gone, or may not be looked at (proc(5))."""
    if start_time(ref.pid) != ref.start_time:
        return frozenset()
    # The first thread may have ended while others go on with the same descriptors.
    for thread in _listed(Path(f"/proc/{ref.pid}/task")):
        descriptors = _listed(thread / "fd")
        if descriptors:
            return frozenset(inode for each in descriptors if (inode := _inode_of_socket(each)) is not None)
    return frozenset()


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (PermissionError, FileNotFoundError, ProcessLookupError):
        return []


def _inode_of_socket(descriptor: Path) -> int | None:
    try:
        target = str(descriptor.readlink())
    except (PermissionError, FileNotFoundError, ProcessLookupError):  # closed meanwhile
        return None
    return int(target[len(_SOCKET) : -1]) if target.startswith(_SOCKET) else None


class ProcessHandle:
    """An open pidfd of one process. Being dead is a fact of the kernel's here: all its threads are gone."""

    def __init__(self, ref: ProcessRef, pidfd: int) -> None:
        self.ref = ref
        self._pidfd = pidfd

    @classmethod
    def open(cls, ref: ProcessRef) -> "ProcessHandle | None":
        """None when the process is gone, or belongs to another boot. The caller closes it.

        ``ref.node`` is not looked at: the caller knows which machine it is on.
        """
        if ref.boot_id != boot_id():
            return None
        try:
            pidfd = os.pidfd_open(ref.pid)
        except OSError as refused:
            # Only these say that no process has the pid; anything else (no descriptors left) must not count as death.
            if refused.errno in {errno.ESRCH, errno.EINVAL, errno.ENOENT}:
                return None
            raise
        # Whatever the pidfd names cannot change any more; now see whether it is the process that was meant.
        if start_time(ref.pid) != ref.start_time:
            os.close(pidfd)
            return None
        return cls(ref, pidfd)

    def is_dead(self) -> bool:
        """True when it has exited, reaped or not. ValueError on a closed handle, which knows nothing any more."""
        if self._pidfd < 0:
            raise ValueError("this handle is closed")
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens to the dead."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    async def wait(self) -> None:
        """Wait until it is dead. Any number of tasks may wait."""
        if self.is_dead():
            return
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        # A loop knows one reader for each descriptor, and several tasks may wait for the same process.
        own = os.dup(self._pidfd)
        try:
            loop.add_reader(own, _resolve, over)
            await over
        finally:
            loop.remove_reader(own)
            os.close(own)

    async def kill(self) -> None:
        """SIGKILL, and return when it is proved dead."""
        self.send(signal.SIGKILL)
        await self.wait()

    def close(self) -> None:
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1


def _resolve(over: "asyncio.Future[None]") -> None:
    if not over.done():
        over.set_result(None)
