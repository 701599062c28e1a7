"""Telethon's session file (SQLite, version 7 and those before it): key, data centre, position, known people.

A copy is read, never the file itself: SQLite would write beside it. Refuses groups and channels among the peers:
bots talk to people.
"""

import shutil
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hanfleet.control.legacy.cleaning import clean_text
from hanfleet.control.legacy.oddities import Oddities
from hanfleet.core.messages import Entity, SessionSnapshot, UpdateState

_KEY_BYTES = 256
_WITH = ("", "-wal", "-journal")


def read_session(path: Path, file: str, oddities: Oddities) -> SessionSnapshot | None:
    """The session; None, with a note, when the file holds none."""
    with tempfile.TemporaryDirectory(prefix="hanfleet-") as folder:
        copy = Path(folder) / "copy.session"
        try:
            for ending in _WITH:
                beside = path.with_name(path.name + ending)
                if beside.is_file():
                    shutil.copyfile(beside, copy.with_name(copy.name + ending))
            with closing(sqlite3.connect(copy)) as database:
                return _snapshot(database, file, oddities)
        except (OSError, sqlite3.Error, ValueError, TypeError, OverflowError) as refused:
            oddities.note(file, "", f"no Telegram session: {refused}", "left out: log in with hanfleet bots login")
            return None


def _snapshot(database: sqlite3.Connection, file: str, oddities: Oddities) -> SessionSnapshot | None:
    rows = database.execute("SELECT dc_id, server_address, port, auth_key FROM sessions").fetchall()
    rows = [row for row in rows if isinstance(row[3], bytes) and len(row[3]) == _KEY_BYTES]
    if not rows:
        oddities.note(file, "", "a session that never logged in", "left out: log in with hanfleet bots login")
        return None
    if len(rows) > 1:
        oddities.note(file, "", "more than one key", "the first one taken")
    dc_id, address, port, key = rows[0]
    peers = _read(database, "SELECT id, hash, username, phone, name FROM entities")
    own = next((row[1] for row in peers if row[0] == 0), None)  # Telethon keeps its own id there
    people = tuple(_person(row) for row in peers if row[0] > 0 and isinstance(row[1], int))
    others = sum(row[0] < 0 for row in peers)
    if others:
        oddities.note(file, "", f"groups and channels among the peers: {others}", "left out: bots talk to people")
    return SessionSnapshot(
        dc_id=int(dc_id),
        server_address=str(address),
        port=int(port),
        auth_key=key,
        telegram_user_id=own,
        state=_state(database),
        entities=people,
    )


def _state(database: sqlite3.Connection) -> UpdateState | None:
    rows = _read(database, "SELECT pts, qts, date, seq FROM update_state WHERE id = 0")
    if not rows or any(value is None for value in rows[0]):
        return None
    pts, qts, date, seq = rows[0]
    return UpdateState(pts=pts, qts=qts, date=datetime.fromtimestamp(date, UTC), seq=seq)


def _person(row: tuple[Any, ...]) -> Entity:
    number, access_hash, username, phone, name = row
    return Entity(
        id=number,
        access_hash=access_hash,
        kind="user",
        name=clean_text(str(name or ""))[0],
        username=clean_text(str(username))[0] if username else None,
        phone=str(phone) if phone else None,
    )


def _read(database: sqlite3.Connection, statement: str) -> list[tuple[Any, ...]]:
    """The rows, none where an old version of the file has no such table."""
    try:
        return database.execute(statement).fetchall()
    except sqlite3.OperationalError:
        return []
