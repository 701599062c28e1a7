"""From the fork to the worker's entry point: a child sheds what it inherited, is shut in, and reads who it is.

Runs in the child alone and never returns: what comes back from the entry is the exit status. Refuses to keep anything
of the zygote's: its descriptors, its signal handlers, its session.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from hanfleet.core.failures import FailureKind
from hanfleet.core.startup import WorkerStartup
from hanfleet.kit.clock import SystemClock
from hanfleet.launchers.containment import contain
from hanfleet.launchers.process.wire import Spawn

_COMM_BYTES = 15

#: What runs a worker, from its start-up to its exit status (see core.failures).
Entry = Callable[[WorkerStartup], int]


def become_worker(spawn: Spawn, startup_fd: int, entry: Entry, code: Sequence[Path]) -> NoReturn:
    """Turn this freshly forked process into the worker; ends the process."""
    status = FailureKind.BUG.exit_status
    try:
        os.setsid()
        os.umask(0o077)
        _own_signals()
        _own_name(spawn.bot_id)
        _own_output(spawn.log_path)
        _close_inherited(keep=startup_fd)
        level = contain(spawn.bot_id, spawn.limits, code)
        _say("contained", **asdict(level))
        wire = _read_to_end(startup_fd)
        # Whoever had us born is gone, or thought better of it, before it said who we are.
        status = entry(WorkerStartup.from_wire(wire)) if wire else FailureKind.TRANSIENT.exit_status
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else FailureKind.BUG.exit_status
    except BaseException:  # noqa: BLE001 - the last frame of this process: what is not told here is never told
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        # Not sys.exit: the zygote's frames are below us, and its cleanups are not ours to run.
        os._exit(status)


def _own_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    # Ctrl-C in a terminal is for `hanfleet up`, which stops workers in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _own_name(bot_id: str) -> None:
    """For ps and top, as far as the kernel's 15 bytes go. A worker may change it: nothing else relies on it."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(f"hf:{bot_id}"[:_COMM_BYTES])


def _own_output(log_path: Path) -> None:
    """Standard output and error to the log file: a pipe would die with whoever reads it."""
    log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)


def _close_inherited(*, keep: int) -> None:
    for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if number > 2 and number != keep:
            # The descriptor that listed the folder is gone by now.
            with suppress(OSError):
                os.close(number)


def _read_to_end(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read()


def _say(event: str, **values: object) -> None:
    """One line in the log's own form (kit.logging is configured by the entry, later)."""
    now = SystemClock().now().isoformat()
    line = {"event": event, "process": "worker", "level": "info", "timestamp": now, "pid": os.getpid(), **values}
    sys.stderr.write(json.dumps(line) + "\n")
    sys.stderr.flush()
