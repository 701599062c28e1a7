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

from hanfleet.control.legacy.bounding import fits, fitting
from hanfleet.control.legacy.cleaning import clean_text
from hanfleet.control.legacy.oddities import Oddities, quoted
from hanfleet.control.legacy.times import read_time
from hanfleet.core.messages import Entity, SessionSnapshot, UpdateState

_KEY_BYTES = 256
_FAR = datetime.max.replace(tzinfo=UTC)
_WITH = ("", "-wal", "-journal")


def read_session(path: Path, file: str, oddities: Oddities) -> SessionSnapshot | None:
    """The session; None, with a note, when the file holds none."""
    try:
        with tempfile.TemporaryDirectory(prefix="hanfleet-") as folder:
            copy = Path(folder) / "copy.session"
            for ending in _WITH:
                beside = path.with_name(path.name + ending)
                if beside.is_file() and not (
                    ending and beside.is_symlink()
                ):  # SQLite makes no link, so it leads anywhere
                    shutil.copyfile(beside, copy.with_name(copy.name + ending))
            with closing(sqlite3.connect(copy)) as database:
                # Half a character in one name would hide everybody.
                database.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
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
    sound_address = isinstance(address, str) and fits(address) and not clean_text(address)[1]
    if not (_whole(dc_id, 32) and dc_id > 0 and _whole(port, 32) and 0 < port < 1 << 16 and sound_address):
        raise ValueError("its data centre or the address of it cannot be")
    peers = _read(database, "SELECT id, hash, username, phone, name FROM entities")
    own = next((row[1] for row in peers if row[0] == 0), None)  # Telethon keeps its own id there
    if own is not None and not (_whole(own, 64) and own > 0):
        oddities.note(file, "", "an account number that cannot be", "left out: it is learned at the start")
        own = None
    strangers = [row for row in peers if row[0] != 0]
    sound = [row for row in strangers if _whole(row[0], 64) and _whole(row[1], 64)]
    if strange := len(strangers) - len(sound):
        oddities.note(file, "", f"peers whose number or hash cannot be: {strange}", "left out")
    people = tuple(_person(row, file, oddities) for row in sound if row[0] > 0)
    others = sum(row[0] < 0 for row in sound)
    if others:
        oddities.note(file, "", f"groups and channels among the peers: {others}", "left out: bots talk to people")
    return SessionSnapshot(
        dc_id=dc_id,
        server_address=address,
        port=port,
        auth_key=key,
        telegram_user_id=own,
        state=_state(database, file, oddities),
        entities=people,
    )


def _state(database: sqlite3.Connection, file: str, oddities: Oddities) -> UpdateState | None:
    rows = _read(database, "SELECT pts, qts, date, seq FROM update_state WHERE id = 0")
    if not rows or any(value is None for value in rows[0]):
        return None
    pts, qts, date, seq = rows[0]
    at = read_time(date, _FAR).at
    if at is None or not all(_whole(value, 64) for value in (pts, qts, seq)):
        oddities.note(file, "", f"no place in Telegram's log: {quoted(rows[0])}", "left out: Telegram says it anew")
        return None
    return UpdateState(pts=pts, qts=qts, date=at, seq=seq)


def _person(row: tuple[Any, ...], file: str, oddities: Oddities) -> Entity:
    number, access_hash, username, phone, name = row
    given = [clean_text(str(text or "")) for text in (name, username, phone)]
    if bad := [place for _, place in given if place]:
        reason = f"characters that no database keeps: {'; '.join(bad)}"
        oddities.note(file, f"person {number}", reason, "replaced by U+FFFD")
    if long := [text for text, _ in given if not fits(text)]:
        oddities.keep(file, f"person {number}", long, reason="names over what a row holds")
    name, username, phone = (fitting(text) for text, _ in given)
    return Entity(
        id=number,
        access_hash=access_hash,
        kind="user",
        name=name,
        username=username or None,
        phone=phone or None,
    )


def _whole(value: Any, bits: int) -> bool:
    """Whether a column of so many bits holds it. SQLite keeps what it is given, whatever the column's type."""
    return isinstance(value, int) and -(1 << bits - 1) <= value < 1 << bits - 1


def _read(database: sqlite3.Connection, statement: str) -> list[tuple[Any, ...]]:
    """The rows, none where an old version of the file has no such table."""
    try:
        return database.execute(statement).fetchall()
    except sqlite3.OperationalError:
        return []
