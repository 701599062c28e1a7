"""Getting names onto the disk: writing a file makes its content safe, its name is an entry of the folder."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Return when the folder's names outlive a power cut: what was made, renamed or removed in it so far."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
