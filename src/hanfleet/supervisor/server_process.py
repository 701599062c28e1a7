"""What one process of our own database server takes from this machine, as the kernel tells it (proc(5)), and making it
give way to others.

Refuses a process that is not the server's child or not the named role's: any process may give itself such a title.
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
    """``memory_mb`` is the process's own (RssAnon). Since its birth it has run for ``processor_s``, and has written
    ``written_mb`` to files (wchar: the write-ahead log, pages that had to make room, temporary files).
    """

    memory_mb: float
    processor_s: float
    written_mb: float


class ServerProcesses:
    """``pid_file`` is our own server's (postmaster.pid). None: it is somebody else's, and nothing is known of it."""

    def __init__(self, pid_file: Path | None) -> None:
        self._pid_file = pid_file

    def use_of(self, pid: int, role_name: str) -> ProcessUse | None:
        """None when the server has no such process, or it does not serve ``role_name``."""
        folder = _PROC / str(pid)
        try:
            if not self._serves(folder, role_name):
                return None
            status = (folder / "status").read_text(encoding="utf-8")
            # utime and stime are the 12th and 13th.
            user, system = _fields(folder)[11:13]
            wrote = (folder / "io").read_text(encoding="ascii").split()
        except (OSError, IndexError):  # the server starts anew, and its file is empty for a moment
            return None
        kilobytes = next((line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")), None)
        if kilobytes is None:
            return None
        written = int(wrote[wrote.index("wchar:") + 1])
        return ProcessUse(int(kilobytes) / 1024, (int(user) + int(system)) / _TICKS_PER_S, written / 2**20)

    def give_way(self, pid: int, role_name: str) -> bool:
        """Let all others have the processor first, as long as the process lives: only root could undo it (sched(7)).

        False when the server has no such process, it does not serve ``role_name``, or it is not ours to command.
        """
        folder = _PROC / str(pid)
        try:
            if not self._serves(folder, role_name):
                return False
            os.setpriority(os.PRIO_PROCESS, pid, _NICE)
        except (OSError, IndexError):
            return False
        # Each process of the server is a session of its own; a kernel that groups by sessions weighs only groups.
        with suppress(OSError):
            (folder / "autogroup").write_text(str(_NICE), encoding="ascii")
        return True

    def _serves(self, folder: Path, role_name: str) -> bool:
        """A child of the server names its role in its title, which no client can change. Raises OSError: none such."""
        if self._pid_file is None:
            return False
        # Read each time, for the server may have been started anew. The parent is the second field.
        server = self._pid_file.read_text(encoding="utf-8").split(maxsplit=1)[0]
        title = (folder / "cmdline").read_bytes()
        ours = _fields(folder)[1] == server and title.startswith(b"postgres: ")
        return ours and role_name.encode() in title.split()


def _fields(folder: Path) -> list[str]:
    """Those of `stat` behind the name, which stands in brackets and may hold blanks."""
    return (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
