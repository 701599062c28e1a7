"""The end of a worker's log, and what came after it. Reads whole lines, never more than a megabyte at once.

In a fleet of an ordinary user the file is as much the worker's as ours. Refuses to wait for it, and what is no file.
"""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hanfleet.core.errors import PermanentError, TemporaryError

_MOST_BYTES = 1024 * 1024
_BLOCK = 64 * 1024


@dataclass(frozen=True)
class LogPage:
    """Lines without their ends; ``position`` is where to read on."""

    lines: tuple[str, ...]
    position: int


def last_lines(path: Path, count: int) -> LogPage:
    """The last ``count`` lines; none when nothing was logged yet."""
    try:
        with _opened(path) as file:
            end = file.seek(0, 2)
            start, found = end, b""
            while start > 0 and found.count(b"\n") <= count and len(found) < _MOST_BYTES:
                step = min(_BLOCK, start)
                start -= step
                file.seek(start)
                found = file.read(step) + found
    except FileNotFoundError:
        return LogPage((), 0)
    whole, rest = _whole_lines(found)
    if start > 0:
        # The first line may have begun before what was read.
        whole = whole[1:]
    return LogPage(tuple(whole[-count:]) if count else (), end - len(rest))


def lines_after(path: Path, position: int) -> LogPage:
    """What was written since ``position``; from the beginning when the file was begun anew."""
    try:
        with _opened(path) as file:
            if file.seek(0, 2) < position:
                position = 0
            file.seek(position)
            found = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return LogPage((), 0)
    whole, rest = _whole_lines(found)
    if not whole and len(found) == _MOST_BYTES:
        # A line longer than a page is given in pieces.
        whole, rest = [found.decode(errors="replace")], b""
    return LogPage(tuple(whole), position + len(found) - len(rest))


def _opened(path: Path) -> BinaryIO:
    """Raises FileNotFoundError; TemporaryError when somebody has a lease on it, PermanentError for what is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except BlockingIOError as held:
        raise TemporaryError(
            f"The log {path.name} is held by somebody who has opened it: try again in a minute, and restart the bot if"
            " that does not help."
        ) from held
    except OSError as refused:
        if refused.errno != errno.ELOOP:
            raise
        raise _no_log(path) from refused
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_log(path)
    return os.fdopen(descriptor, "rb")


def _no_log(path: Path) -> PermanentError:
    return PermanentError(f"{path} is no file, and nothing of ours made that: remove it, then restart the bot.")


def _whole_lines(found: bytes) -> tuple[list[str], bytes]:
    complete, _newline, rest = found.rpartition(b"\n")
    if not _newline:
        return [], found
    return [line.decode(errors="replace") for line in complete.split(b"\n")], rest
