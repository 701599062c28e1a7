"""Reading the manifest of a backup's folder, and saying of one that is not as it was written what is wrong and where.

Refuses to repeat what stands in it. Whether its tag fits takes the key: see `Manifest.key`.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hanfleet.control.backups.manifest import FILE, FORMAT, DamagedBackupError, Manifest, spelt
from hanfleet.control.backups.opening import open_file
from hanfleet.core.backup_ids import is_backup_id
from hanfleet.core.errors import PermanentError


class MisnamedBackupError(PermanentError):
    """A backup lies in a folder of another name."""

    def __init__(self, folder: Path, backup_id: str) -> None:
        super().__init__(
            f"{folder} holds the backup {backup_id}, and a backup's folder must carry its id: rename it to {backup_id}."
        )


def read(folder: Path) -> Manifest:
    """The manifest in ``folder``. Raises DamagedBackupError or MisnamedBackupError, and PermanentError for a form that
    is newer than this release.
    """
    with open_file(folder, FILE) as file:
        raw = file.read()
    document = _parsed(folder.name, raw)
    checksum = document.pop("checksum", None)
    sound = checksum == hashlib.sha256(spelt(document)).hexdigest()
    contents = document.get("contents")
    # Before anything else is expected of it: another form has other fields.
    if sound and isinstance(contents, dict) and isinstance(contents.get("format"), int) and contents["format"] > FORMAT:
        raise PermanentError(f"Backup {folder.name} was made by a newer release: install that one.")
    try:
        manifest = Manifest.model_validate(document)
    except ValidationError as refused:
        raise DamagedBackupError(folder.name, FILE, _first_fault(refused)) from None
    if not sound:
        raise DamagedBackupError(folder.name, FILE, "its checksum does not match: it was changed")
    if (due := manifest.spelt()) != raw:
        offset = next((at for at, (one, other) in enumerate(zip(due, raw, strict=False)) if one != other), len(due))
        raise DamagedBackupError(folder.name, FILE, "it is spelt in another way: it was changed", offset)
    if manifest.contents.id != folder.name:
        raise MisnamedBackupError(folder, manifest.contents.id)
    return manifest


def claimed_id(folder: Path) -> str | None:
    """The id of the backup in ``folder`` as its manifest tells it, unproven; None: there is none to be read."""
    try:
        with open_file(folder, FILE) as file:
            claimed = json.load(file)["contents"]["id"]
    except (PermanentError, ValueError, KeyError, TypeError):
        return None
    return claimed if isinstance(claimed, str) and is_backup_id(claimed) else None


def _parsed(backup_id: str, raw: bytes) -> dict[str, Any]:
    """Raises DamagedBackupError with the first byte that fits nowhere."""
    try:
        document = json.loads(raw.decode())
    except UnicodeDecodeError as broken:
        raise DamagedBackupError(backup_id, FILE, "it is no UTF-8", broken.start) from None
    except json.JSONDecodeError as broken:
        raise DamagedBackupError(backup_id, FILE, "it is no JSON", len(broken.doc[: broken.pos].encode())) from None
    if not isinstance(document, dict):
        raise DamagedBackupError(backup_id, FILE, "it is no JSON object", 0)
    return document


def _first_fault(refused: ValidationError) -> str:
    """The first field that is not as it must be, by its path; what stands in it is not told."""
    first = refused.errors(include_input=False, include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    what = {"missing": "is missing", "extra_forbidden": "does not belong there"}.get(first["type"], "is not as it was")
    return f"its field {field} {what}"
