"""What one process of the database server takes from this machine, as the kernel tells it (proc(5)).

Refuses a process that is not the named role's: where the server runs elsewhere, its numbers mean other processes here.
"""

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class ProcessUse:
    """``memory_mb`` is the process's own (RssAnon), ``processor_s`` what it has run since its birth."""

    memory_mb: float
    processor_s: float


def process_use(pid: int, role_name: str) -> ProcessUse | None:
    """None when there is no such process here, or it does not serve ``role_name``."""
    folder = _PROC / str(pid)
    try:
        title = (folder / "cmdline").read_bytes()
        status = (folder / "status").read_text(encoding="utf-8")
        stat = (folder / "stat").read_text(encoding="utf-8")
    except OSError:
        return None
    # A server process names its role in its title, where a client can change nothing.
    if not title.startswith(b"postgres: ") or role_name.encode() not in title.split():
        return None
    kilobytes = next((line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")), None)
    # The name in brackets may hold blanks; utime and stime are the 12th and 13th field after it.
    user, system = stat.rpartition(")")[2].split()[11:13]
    return None if kilobytes is None else ProcessUse(int(kilobytes) / 1024, (int(user) + int(system)) / _TICKS_PER_S)
