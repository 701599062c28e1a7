"""Reading a whole backup and comparing it with what its manifest says. No database is needed."""

from pathlib import Path

from hanfleet.control.backups.manifest import FILE, DamagedBackupError, Manifest
from hanfleet.control.backups.parts import PartReader
from hanfleet.control.backups.progress import Progress, Steps, silent
from hanfleet.control.backups.reading import read
from hanfleet.vault import MasterKey


def verify(folder: Path, master_key: MasterKey, progress: Progress = silent) -> Manifest:
    """Read all of the backup in ``folder``. Raises DamagedBackupError with the first bad part and where it goes wrong.

    A file that was not written with it is one, too. PermanentError when the master key is another.
    """
    manifest = read(folder)
    key = manifest.key(master_key)
    steps = Steps(progress, len(manifest.contents.parts))
    for part in manifest.contents.parts:
        for _ in PartReader(folder, part, key, steps).rows():
            pass
    # What a change of the master key leaves behind when it is killed is replaced by the next one.
    known = {FILE, f".{FILE}", *(part.file for part in manifest.contents.parts)}
    for name in sorted(entry.name for entry in folder.iterdir()):
        if name not in known:
            raise DamagedBackupError(folder.name, name, "it does not belong there")
    steps.end()
    return manifest
