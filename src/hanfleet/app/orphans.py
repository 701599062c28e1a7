"""Other people's children: workers whose zygote died come to `hanfleet up`, which records how they end.

When the fleet stops and its supervisor could not end them, `up` does: nobody else knows them by then.

A process that starts children in any other way than `spawn` must not reap orphans: it would take their exits.
"""

import asyncio
import ctypes
import os
import signal
from pathlib import Path
from typing import NoReturn

from hanfleet.app.spawn import collect, is_ours
from hanfleet.core.errors import PermanentError
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.launchers.exit_records import ExitRecord, take_zombie
from hanfleet.launchers.process_table import ProcessHandle, node_name, ref_of

_PR_SET_CHILD_SUBREAPER = 36

# What is killed is gone at once, unless it hangs in the kernel.
_KILLED_WITHIN_S = 5.0
_GLANCE_S = 0.02

_log = get_logger(__name__)


def become_subreaper() -> None:
    """From now on the orphans among our descendants become our children. Linux ≥ 3.4."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise PermanentError(f"The kernel refuses subreapers ({os.strerror(ctypes.get_errno())}): run on Linux ≥ 3.4.")


def reap_orphans(exits: Path, clock: Clock) -> list[ExitRecord]:
    """Record and reap every dead child that nobody here started; our own are left to whoever waits for them."""
    found: list[ExitRecord] = []
    while True:
        try:
            dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return found
        if dead is None:
            return found
        if is_ours(dead.si_pid):
            # Its owner waits for its pidfd, which tells of the end even after this.
            collect(dead.si_pid)
            continue
        try:
            record = take_zombie(exits, dead.si_pid, clock=clock)
        except OSError as failed:
            _log.error("exit not recorded", pid=dead.si_pid, reason=str(failed))
            continue
        if record is not None:
            found.append(record)


async def keep_reaping(exits: Path, clock: Clock) -> NoReturn:
    """Reap orphans whenever the kernel tells of a dead child, until cancelled. One task per process."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGCHLD, told.set)
    try:
        # Some may have died before the handler was there.
        told.set()
        while True:
            await told.wait()
            told.clear()
            for record in reap_orphans(exits, clock):
                _log.info("orphan ended", pid=record.pid, status=record.status)
    finally:
        loop.remove_signal_handler(signal.SIGCHLD)


async def end_orphans(clock: Clock, *, within_s: float) -> None:
    """Drain the living orphans among our children, and kill who is left after ``within_s`` seconds.

    Call it when nobody forks any more, and while somebody reaps.
    """
    for number, patience_s in ((signal.SIGTERM, within_s), (signal.SIGKILL, _KILLED_WITHIN_S)):
        orphans = _orphans()
        try:
            for orphan in orphans:
                _log.warning("an orphan is ended", pid=orphan.ref.pid, signal=number.name)
                orphan.send(number)
            deadline = clock.monotonic() + patience_s
            while any(not orphan.is_dead() for orphan in orphans) and clock.monotonic() < deadline:
                await clock.sleep(_GLANCE_S)
        finally:
            for orphan in orphans:
                orphan.close()


def _orphans() -> list[ProcessHandle]:
    """Our living children that nobody here started. The caller closes them."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    refs = [ref_of(pid, node_name()) for pid in pids if not is_ours(pid) and _is_living_child(pid)]
    handles = [ProcessHandle.open(ref) for ref in refs if ref is not None]
    return [handle for handle in handles if handle is not None]


def _is_living_child(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # Behind the name, which stands in parentheses: proc_pid_stat(5).
    state, parent, *_ = stat[stat.rindex(b")") + 2 :].split()
    return state != b"Z" and int(parent) == os.getpid()
