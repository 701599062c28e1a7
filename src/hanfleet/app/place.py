"""Which folder below /var/lib/hanfleet is a home's, as root: each of the two says which other one it belongs to.

The home's file `place` holds the folder's key, and beside the folder stands the home's path. So a home that was moved
finds its database again, and a copy is told from its original. Refuses a copy: it would work on the original's data.
"""

import hashlib
import json
import os
import re
from pathlib import Path

from hanfleet.app.folders import write_private
from hanfleet.core.errors import ConflictError, PermanentError

PLACE_FILE = "place"
_KEY = re.compile(r"[0-9a-f]{12}")


def key_by_path(path: Path) -> str:
    """The key of a home that does not remember one."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def key_of(home: Path, base: Path) -> str:
    """The key of the home's folder in ``base``.

    Raises ConflictError for a copy of a home that is still there, and where the folder did not come along.
    """
    remembered = _remembered(home)
    if remembered is None:
        key = key_by_path(home)
        owner = _owner(base, key)
        # A new home where one was that has moved away.
        return key if owner is None or not _is_anothers(home, owner, key) else key_by_path(home / key)
    owner = _owner(base, remembered)
    if owner is None:
        raise ConflictError(
            f"{home} has its database in {base / remembered}, which did not come along: bring that folder and"
            f" {owner_file(base, remembered).name} beside it here too, or remove {home / PLACE_FILE} to begin with an"
            " empty database."
        )
    if _is_anothers(home, owner, remembered):
        raise ConflictError(
            f"{home} is a copy of {owner}, which is still there, and both would use the same database: start the"
            " original, or remove it first, or choose a new home with --home."
        )
    return remembered


def claim(home: Path, key: str, base: Path) -> None:
    """Write down, on both sides, that they belong together. Hold ``base`` meanwhile. Raises as ``key_of`` does."""
    if key_of(home, base) != key:
        raise ConflictError(f"{home} was given another place in this moment: try again.")
    if _owner(base, key) != home:
        write_private(owner_file(base, key), json.dumps(str(home)) + "\n")
    if _remembered(home) is None:
        write_private(home / PLACE_FILE, key + "\n")


def owner_file(base: Path, key: str) -> Path:
    """The file with the path of the home that the folder ``key`` belongs to."""
    return base / f"{key}.home"


def _remembered(home: Path) -> str | None:
    file = home / PLACE_FILE
    try:
        key = file.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    if not _KEY.fullmatch(key):
        raise PermanentError(f"{file} is damaged: put it back from a backup of this home.")
    return key


def _owner(base: Path, key: str) -> Path | None:
    file = owner_file(base, key)
    try:
        return Path(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as broken:
        raise PermanentError(f"{file} is damaged: write the path of its home into it, in double quotes.") from broken


def _is_anothers(home: Path, owner: Path, key: str) -> bool:
    """Whether the folder belongs to another home that lives; the same one may be reached by two paths."""
    try:
        return not owner.samefile(home) and _remembered(owner) == key
    except OSError:
        return False
