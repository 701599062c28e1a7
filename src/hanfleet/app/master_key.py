"""Where the master key of a home is: in HANFLEET_MASTER_KEY, else in the file master.key.

While it is being replaced its successor stands beside it (HANFLEET_NEW_MASTER_KEY, master.key.new), and between them
they open every bot's key: the successor is written down for good before the first key is wrapped by it, and the old one
goes after the last. Refuses to make a key where a database already needs one.
"""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from hanfleet.app.folders import write_private
from hanfleet.app.home import Home
from hanfleet.app.settings import Settings
from hanfleet.core.errors import ConflictError, InvalidInputError, PermanentError
from hanfleet.kit.disk import sync_folder
from hanfleet.vault import MasterKey
from hanfleet.vault.master_key import key_in, read_key

VARIABLE, NEW_VARIABLE = "HANFLEET_MASTER_KEY", "HANFLEET_NEW_MASTER_KEY"


@dataclass(frozen=True)
class FoundKeys:
    """``current`` None: there is no master key. ``upcoming``: this one is to take its place. ``place``: for people."""

    current: bytes | None = field(repr=False)
    upcoming: bytes | None = field(repr=False)
    place: str
    from_environment: bool = False

    @property
    def masters(self) -> list[MasterKey]:
        return [MasterKey(key) for key in (self.current, self.upcoming) if key is not None]


def find_keys(home: Home, settings: Settings) -> FoundKeys:
    """Read what is there. Raises PermanentError for a file that will not serve."""
    if settings.master_key is not None:
        current = key_in(settings.master_key.get_secret_value())
        upcoming = settings.new_master_key and key_in(settings.new_master_key.get_secret_value())
        return FoundKeys(current, upcoming or None, VARIABLE, from_environment=True)
    file, new_file = home.master_key, _successor(home)
    current, upcoming = (read_key(path) if path.exists() else None for path in (file, new_file))
    return FoundKeys(current, upcoming, f"{file} or {VARIABLE}" if current is None else str(file))


def make_key(home: Home) -> bytes:
    """A home's first master key, written to its file."""
    key = secrets.token_bytes(32)
    _write(home.master_key, key)
    return key


def settle(home: Home, found: FoundKeys) -> bytes:
    """The key to work with, once what is there is known to open what it must. Needs the home's lock."""
    if found.upcoming is not None:
        rewrap_backups(home, found)
        if not found.from_environment:
            finish_file(home)
        return found.upcoming
    return make_key(home) if found.current is None else found.current


def begin_file(home: Home) -> bytes:
    """The successor's file, made unless an earlier attempt did."""
    path = _successor(home)
    if path.exists():
        return read_key(path)
    key = secrets.token_bytes(32)
    _write(path, key)
    return key


def finish_file(home: Home) -> None:
    """The successor takes the place of the old key, which is gone then."""
    _successor(home).replace(home.master_key)
    sync_folder(home.path)


def rewrap_backups(home: Home, found: FoundKeys) -> None:
    """Let the upcoming master key open the home's backups. May be repeated."""
    # Loaded when it is needed: `hanfleet up` seldom does, and would keep it in memory for ever.
    from hanfleet.app.erasure_ledger import BACKUPS_FOLDER
    from hanfleet.control.backups.rewrapping import rewrap

    if found.current is not None and found.upcoming is not None:
        rewrap(home.path / BACKUPS_FOLDER, MasterKey(found.current), MasterKey(found.upcoming))


def current_key(home: Home, settings: Settings) -> bytes:
    """The master key of a home that has one, whatever its database says.

    Raises PermanentError where there is none, ConflictError while it is being replaced.
    """
    found = find_keys(home, settings)
    refuse_while_replaced(found)
    if found.current is None:
        raise PermanentError(f"The master key is missing: there is none in {found.place}. Put it back from your copy.")
    return found.current


def refuse_while_replaced(found: FoundKeys) -> None:
    """Raises ConflictError while a rotation of the master key has not come to its end."""
    if found.upcoming is not None:
        raise ConflictError(
            "The master key is being replaced: let hanfleet keys rotate --master come to its end (or hanfleet up), then"
            " try again."
        )


def new_key_of(found: FoundKeys) -> bytes:
    """The successor that a person put into the environment. Raises InvalidInputError without one."""
    if found.upcoming is None:
        raise InvalidInputError(
            f"The master key comes from {VARIABLE}: make a new one (openssl rand -hex 32), set {NEW_VARIABLE} to it for"
            " this command, and put it in the old one's place afterwards."
        )
    return found.upcoming


def _successor(home: Home) -> Path:
    return home.master_key.with_name("master.key.new")


def _write(path: Path, key: bytes) -> None:
    write_private(path, key.hex() + "\n")
    sync_folder(path.parent)
