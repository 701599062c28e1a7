"""Reading a whole backup and comparing it with what its manifest says. No database is needed."""

from pathlib import Path

from hanfleet.control.backups.manifest import Manifest
from hanfleet.control.backups.parts import PartReader
from hanfleet.control.backups.progress import Progress, Steps, silent
from hanfleet.control.backups.reading import read
from hanfleet.vault import MasterKey


def verify(folder: Path, master_key: MasterKey, progress: Progress = silent) -> Manifest:
    """Read all of the backup in ``folder``. Raises DamagedBackupError with the first bad part and where it goes wrong.

    PermanentError when the master key is another.
    """
    manifest = read(folder)
    key = manifest.key(master_key)
    steps = Steps(progress, len(manifest.contents.parts))
    for part in manifest.contents.parts:
        for _ in PartReader(folder, part, key, steps).rows():
            pass
    steps.end()
    return manifest
