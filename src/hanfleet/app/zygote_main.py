"""The zygote as a process: imports everything that a worker needs, once, and then forks workers until SIGTERM.

Its workers live on after it. Refuses to open a connection, a loop or a second thread: none of them survives a fork.
"""

import importlib
import sys
import threading
from pathlib import Path

from hanfleet.app.payloads import ZygotePayload
from hanfleet.app.startup_channel import read_startup
from hanfleet.core.errors import HanfleetError
from hanfleet.kit.loading import load
from hanfleet.kit.logging import configure_logging, get_logger
from hanfleet.launchers.process.birth import Entry
from hanfleet.launchers.process.zygote import serve
from hanfleet.llm import warm_up

#: What the worker's rooms would only import when they are first used: in the zygote it is shared by all.
_LATE_IMPORTS = (
    "sqlalchemy.dialects.postgresql.asyncpg",
    "asyncpg",
    "redis.asyncio",
    "telethon",
    "cryptg",
    "encodings.ascii",
    "encodings.idna",
    "encodings.utf_16_le",
    "stringprep",
    "concurrent.futures.thread",
)


def preload(worker_entry: str) -> tuple[Entry, tuple[Path, ...]]:
    """Import a worker's world; gives its entry, and the folders of the code that its processes may read.

    Raises ImportError or ValueError when ``worker_entry`` names nothing.
    """
    entry: Entry = load(worker_entry)
    for name in _LATE_IMPORTS:
        importlib.import_module(name)
    warm_up()
    roots = {name.partition(":")[0].partition(".")[0] for name in (worker_entry, __name__)} - {"__main__"}
    modules = (sys.modules[root] for root in sorted(roots | {"hanfleet"}))
    return entry, tuple(Path(module.__file__).parent for module in modules if module.__file__)


def main() -> int:
    """The process' exit status."""
    payload = ZygotePayload.from_wire(read_startup())
    configure_logging("zygote", level=payload.log_level)
    log = get_logger("zygote")
    try:
        entry, code = preload(payload.worker_entry)
        if threading.active_count() != 1:
            log.error("a preloaded module has started a thread: forking it would not be safe")
            return 1
        log.info("preloaded", modules=len(sys.modules))
        serve(payload.socket, entry, payload.exits_dir, code=code)
    except (ImportError, ValueError, HanfleetError) as error:
        log.exception("the zygote ends", error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
