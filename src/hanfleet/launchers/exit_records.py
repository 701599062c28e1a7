"""How a worker ended, told by whoever reaped it: a small file per process, for those who are not its parent.

The zygote writes them for its children; when it died before them, `hanfleet up` inherits the children and writes them
instead. A process is named by its pid and start time, and by the boot, since both come round again after one.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hanfleet.kit.clock import Clock, SystemClock
from hanfleet.launchers.process_table import boot_id, start_time

_SYSTEM_CLOCK = SystemClock()


@dataclass(frozen=True)
class ExitRecord:
    """``status`` is the exit status, or minus the signal that ended the process; ``at`` is when it was reaped."""

    pid: int
    start_time: int
    status: int
    at: datetime


def write_exit(folder: Path, pid: int, started: int, status: int, *, clock: Clock = _SYSTEM_CLOCK) -> None:
    """Record an exit, in one step: no reader sees half a record. Raises OSError."""
    path = _path(folder, pid, started)
    record = {"pid": pid, "start_time": started, "status": status, "at": clock.now().isoformat(), "boot_id": boot_id()}
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(record), encoding="ascii")
    draft.replace(path)


def read_exit(folder: Path, pid: int, started: int) -> int | None:
    """The status of one process of this boot, or None when nobody recorded its exit (yet).

    A pidfd tells of a death a moment before the reaper has written the record: ask again for a second or so.
    """
    record = read_record(folder, pid, started)
    return None if record is None else record.status


def read_record(folder: Path, pid: int, started: int) -> ExitRecord | None:
    """The whole record; None as in ``read_exit``."""
    return _load(_path(folder, pid, started))


def sweep(folder: Path, *, older_than: datetime) -> int:
    """Remove the records from before ``older_than``, of another boot, or damaged; gives how many."""
    removed = 0
    for path in folder.glob("*.json"):
        record = _load(path)
        if record is None or record.at < older_than:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def take_zombie(folder: Path, pid: int, *, clock: Clock = _SYSTEM_CLOCK) -> ExitRecord | None:
    """Record the exit of the dead child ``pid``, then reap it; None when it is no dead child of ours.

    The record comes first: a zombie keeps its pid and its start time, so nobody can miss both. Raises OSError when
    the record cannot be written; the child is reaped even then.
    """
    try:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    if ended is None:
        return None
    status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
    started = start_time(pid)
    assert started is not None, "a zombie that only we can reap has vanished"
    try:
        write_exit(folder, pid, started, status, clock=clock)
    finally:
        os.waitpid(pid, 0)
    return ExitRecord(pid, started, status, clock.now())


def _path(folder: Path, pid: int, started: int) -> Path:
    return folder / f"{pid}-{started}.json"


def _load(path: Path) -> ExitRecord | None:
    try:
        plain = json.loads(path.read_text(encoding="ascii"))
        if plain["boot_id"] != boot_id():
            return None
        at = datetime.fromisoformat(plain["at"]).astimezone(UTC)
        return ExitRecord(int(plain["pid"]), int(plain["start_time"]), int(plain["status"]), at)
    except (OSError, ValueError, KeyError, TypeError):
        return None
