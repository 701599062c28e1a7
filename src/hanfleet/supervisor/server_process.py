"""What one process of the database server takes from this machine, as the kernel tells it (proc(5)), and making it give
way to others.

Refuses a process that is not the named role's: where the server runs elsewhere, its numbers mean other processes here.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
#: A tenth of the usual weight. The lowest of all could keep a lock that everybody needs from being given back.
_NICE = 10


@dataclass(frozen=True)
class ProcessUse:
    """``memory_mb`` is the process's own (RssAnon), ``processor_s`` what it has run since its birth."""

    memory_mb: float
    processor_s: float


def process_use(pid: int, role_name: str) -> ProcessUse | None:
    """None when there is no such process here, or it does not serve ``role_name``."""
    folder = _PROC / str(pid)
    try:
        if not _serves(folder, role_name):
            return None
        status = (folder / "status").read_text(encoding="utf-8")
        stat = (folder / "stat").read_text(encoding="utf-8")
    except OSError:
        return None
    kilobytes = next((line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")), None)
    # The name in brackets may hold blanks; utime and stime are the 12th and 13th field after it.
    user, system = stat.rpartition(")")[2].split()[11:13]
    return None if kilobytes is None else ProcessUse(int(kilobytes) / 1024, (int(user) + int(system)) / _TICKS_PER_S)


def give_way(pid: int, role_name: str) -> bool:
    """Let all others have the processor first, as long as the process lives: only root could undo it (sched(7)).

    False when there is no such process here, it does not serve ``role_name``, or it is not ours to command.
    """
    folder = _PROC / str(pid)
    try:
        if not _serves(folder, role_name):
            return False
        os.setpriority(os.PRIO_PROCESS, pid, _NICE)
    except OSError:
        return False
    # Each process of the server is a session of its own; a kernel that groups by sessions weighs only groups.
    with suppress(OSError):
        (folder / "autogroup").write_text(str(_NICE), encoding="ascii")
    return True


def _serves(folder: Path, role_name: str) -> bool:
    """A server process names its role in its title, where a client can change nothing. Raises OSError: none such."""
    title = (folder / "cmdline").read_bytes()
    return title.startswith(b"postgres: ") and role_name.encode() in title.split()
