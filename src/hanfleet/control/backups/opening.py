"""Opening a file of a backup. Whoever may write into the folder may have put a pipe there, on which a reader waits."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hanfleet.control.backups.manifest import DamagedBackupError
from hanfleet.core.errors import PermanentError


@contextmanager
def open_file(folder: Path, name: str) -> Iterator[BinaryIO]:
    """Raises DamagedBackupError when it is missing or no regular file, PermanentError when it cannot be read."""
    path = folder / name
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DamagedBackupError(folder.name, name, "it is no regular file")
            yield file
    except FileNotFoundError:
        raise DamagedBackupError(folder.name, name, "it is missing") from None
    except OSError as refused:
        raise PermanentError(f"{path} cannot be read ({refused.strerror}).") from refused


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
