"""Whether a process is a bot's worker, by what the kernel says of it and not by what the bot's lease row says.

A worker writes its own pid into its lease. A hostile one could write another process's, which would be killed in its
place. Where root gives each bot a uid of its own, that decides; elsewhere the name that a worker got at its birth does,
and a worker that took another name is nobody's to kill: its log-ins end with the next grant all the same.
"""

import os
from pathlib import Path

from hanfleet.core.process import ProcessRef
from hanfleet.launchers.containment import uid_of

_COMM_BYTES = 15


def process_name(bot_id: str) -> str:
    """What a bot's worker is called in the process table: `hf:` and the bot, as far as the kernel's 15 bytes go."""
    return f"hf:{bot_id}"[:_COMM_BYTES]


def is_worker_of(bot_id: str, ref: ProcessRef) -> bool:
    """False for a process that is another's, or gone."""
    folder = Path(f"/proc/{ref.pid}")
    try:
        name = (folder / "comm").read_text(encoding="utf-8", errors="replace").rstrip("\n")
        uid = _uid((folder / "status").read_text(encoding="utf-8", errors="replace"))
    except (FileNotFoundError, ProcessLookupError):
        return False
    if uid != os.geteuid():
        return uid == uid_of(bot_id)
    return name == process_name(bot_id)


def _uid(status: str) -> int:
    """The real uid, from proc_pid_status(5). The owner of the folder is no help: of what is not dumpable it is root."""
    line = next(line for line in status.splitlines() if line.startswith("Uid:"))
    return int(line.split()[1])
