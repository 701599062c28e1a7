"""Getting bytes and names onto the disk, whole: a full disk may take a half, and a name is an entry of its folder."""

import os
from contextlib import suppress
from pathlib import Path


def append_whole(descriptor: int, data: bytes) -> None:
    """Add ``data`` at the end of the file, and return when the disk has it.

    Raises OSError, and then none of it is there. Nobody else may add to the file meanwhile.
    """
    begin = os.fstat(descriptor).st_size
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, begin)
        raise


def write_all(descriptor: int, data: bytes) -> None:
    """One write may take a part only, without an error: where the disk is full, the next one raises OSError."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def sync_folder(folder: Path) -> None:
    """Return when the folder's names outlive a power cut: what was made, renamed or removed in it so far."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
