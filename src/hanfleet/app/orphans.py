"""Other people's children: workers whose zygote died come to `hanfleet up`, which records how they end.

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

_PR_SET_CHILD_SUBREAPER = 36

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
