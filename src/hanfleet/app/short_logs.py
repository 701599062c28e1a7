"""Keeps the logs of a home short while their writers go on: what is long is copied aside, and the file is emptied.

All who write there append, so they go on at the beginning; what is written between the copy and the emptying is lost.
Refuses to follow links, and to wait for pipes and leases: a worker may have put one.
"""

import asyncio
import os
from pathlib import Path

from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger

LONGEST = 8 << 20
#: Workers cannot write beyond 64 MiB, so none runs into that before it is looked at.
LOOK_S = 30.0
_AT_ONCE = 1 << 20
_log = get_logger(__name__)


async def keep_logs_short(folders: tuple[Path, ...], clock: Clock) -> None:
    """Look at all ``*.log`` of the folders now and then; for ever, cancel it to stop."""
    while True:
        for folder in folders:
            for log in sorted(folder.glob("*.log")):
                try:
                    await asyncio.to_thread(shorten, log)
                except OSError as failed:
                    _log.warning("a log grows", log=log.name, error=str(failed))
        await clock.sleep(LOOK_S)


def shorten(log: Path) -> bool:
    """Move what stands in a long log to ``<log>.1``, in place of what stood there: its last 8 MiB. False: it is short.

    Raises OSError; then the log stays as it is.
    """
    source = os.open(log, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        size = os.fstat(source).st_size
        if size <= LONGEST:
            return False
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        aside = os.open(f"{log}.1", flags, 0o600)
        try:
            # What is added meanwhile comes along, but not for ever: a writer may be faster than we are.
            position = size - LONGEST
            while position < size + LONGEST and (copied := os.sendfile(aside, source, position, _AT_ONCE)):
                position += copied
            os.ftruncate(source, 0)
        finally:
            os.close(aside)
    finally:
        os.close(source)
    return True
