"""The backups that are there, judged by what is quick to see: the manifest, and whether each part has its length."""

from dataclasses import dataclass

from hanfleet.control.backups.library import Library
from hanfleet.control.backups.manifest import Manifest
from hanfleet.control.backups.reading import read
from hanfleet.core.errors import PermanentError


@dataclass(frozen=True)
class Listed:
    """``manifest`` is None when it cannot be read; ``problem`` is a sentence, empty for one that looks whole."""

    id: str
    manifest: Manifest | None
    problem: str = ""


def listed(library: Library) -> list[Listed]:
    """All of them, oldest first. Only `verify` reads what is inside."""
    return [_looked_at(library, backup_id) for backup_id in library.ids()]


def _looked_at(library: Library, backup_id: str) -> Listed:
    folder = library.folder(backup_id)
    try:
        manifest = read(folder)
    except PermanentError as unreadable:
        return Listed(backup_id, None, str(unreadable))
    for part in manifest.contents.parts:
        path = folder / part.file
        if not path.is_file():
            return Listed(backup_id, manifest, f"{part.file} is missing.")
        if path.stat().st_size != part.size:
            return Listed(backup_id, manifest, f"{part.file} has not the length that it was written with.")
    return Listed(backup_id, manifest)
