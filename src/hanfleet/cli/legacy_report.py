"""The report's file of `hanfleet import-legacy`: it stands open before anything is imported.

A report that turns out unwritable afterwards would be lost: a second run finds what stands already, and says less.
Refuses, before the first change, what cannot be written; a run that fails leaves the file as it was.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from hanfleet.cli.messages import say
from hanfleet.core.errors import InvalidInputError, PermanentError
from hanfleet.kit.disk import write_all

# It quotes what people wrote.
_MODE = 0o600


@contextmanager
def opened_report(path: Path | None) -> Iterator[Callable[[Iterable[str]], None]]:
    """Gives what writes the report, once; nothing where no ``path`` was named. Raises InvalidInputError at once."""
    if path is None:
        yield lambda _pieces: None
        return
    made = not os.path.lexists(path)
    written = False

    def write(pieces: Iterable[str]) -> None:
        nonlocal written
        written = True
        _write(descriptor, pieces, path)

    descriptor = _opened(path)
    try:
        yield write
    finally:
        os.close(descriptor)
        if made and not written:
            path.unlink(missing_ok=True)


def _opened(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            if _is_file(descriptor):
                os.fchmod(descriptor, _MODE)
        except OSError:
            os.close(descriptor)
            raise
    except OSError as refused:
        reason = refused.strerror
        raise InvalidInputError(say("import_legacy.report_unwritable", report=path, reason=reason)) from refused
    return descriptor


def _write(descriptor: int, pieces: Iterable[str], path: Path) -> None:
    try:
        if _is_file(descriptor):
            os.ftruncate(descriptor, 0)
        for piece in chain(pieces, "\n"):
            write_all(descriptor, piece.encode())
    except OSError as refused:
        raise PermanentError(say("import_legacy.report_cut", report=path, reason=refused.strerror)) from refused


def _is_file(descriptor: int) -> bool:
    """A terminal or a pipe has no end to cut, and keeps its mode."""
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
