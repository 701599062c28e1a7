"""A change of the master key: each backup's key is wrapped anew, and its data stay as they are."""

from pathlib import Path

from hanfleet.control.backups.library import Library
from hanfleet.control.backups.manifest import DamagedBackupError
from hanfleet.control.backups.reading import MisnamedBackupError, read
from hanfleet.vault import MasterKey


def rewrap(folder: Path, old: MasterKey, new: MasterKey) -> int:
    """Wrap the keys of all backups in ``folder`` with ``new`` in place of ``old``, and give how many that were.

    Each is one step and may be repeated: what ``new`` opens already stays, and what neither opens (another fleet's, or
    damaged, or in a folder of another name) stays too. Raises ConflictError while another command works on the backups.
    """
    if not folder.is_dir():
        return 0
    library = Library(folder)
    changed = 0
    with library.lock():
        for backup_id in library.ids():
            place = library.folder(backup_id)
            try:
                manifest = read(place)
            except (DamagedBackupError, MisnamedBackupError):
                continue
            if manifest.opens_with(new) or not manifest.opens_with(old):
                continue
            manifest.rewrapped(old, new).save(place)
            changed += 1
    return changed
