"""The sandbox's state: one SQLite file, written by one thread of one process.

WAL with synchronous=NORMAL: a commit reaches the kernel before anything is answered or pushed, so kill -9 loses
nothing; a power cut may lose the newest commits, which a rehearsal stage can bear.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('user', 'bot')),
    phone TEXT UNIQUE, token TEXT UNIQUE, username TEXT UNIQUE COLLATE NOCASE,
    first_name TEXT NOT NULL, last_name TEXT, language_code TEXT,
    salt1 BLOB, salt2 BLOB, verifier BLOB,
    pts INTEGER NOT NULL DEFAULT 1, top_id INTEGER NOT NULL DEFAULT 0, sends INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS codes (phone TEXT PRIMARY KEY, code TEXT NOT NULL, hash TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS auth_keys (
    key_id INTEGER PRIMARY KEY, auth_key BLOB NOT NULL, salt INTEGER NOT NULL, layer INTEGER,
    account_id INTEGER REFERENCES accounts, pending_account_id INTEGER REFERENCES accounts,
    max_connections INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS messages (
    account_id INTEGER NOT NULL, id INTEGER NOT NULL, peer_id INTEGER NOT NULL, out INTEGER NOT NULL,
    text TEXT NOT NULL, entities BLOB, markup BLOB, reply_to INTEGER, date INTEGER NOT NULL, edit_date INTEGER,
    origin_account INTEGER NOT NULL, origin_id INTEGER NOT NULL,
    PRIMARY KEY (account_id, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS messages_of_peer ON messages (account_id, peer_id, id);
CREATE INDEX IF NOT EXISTS messages_of_origin ON messages (origin_account, origin_id);
CREATE TABLE IF NOT EXISTS changes (
    account_id INTEGER NOT NULL, pts INTEGER NOT NULL, pts_count INTEGER NOT NULL, kind TEXT NOT NULL,
    peer_id INTEGER, message_id INTEGER, unread INTEGER, ids TEXT,
    PRIMARY KEY (account_id, pts)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS random_ids (
    account_id INTEGER NOT NULL, random_id INTEGER NOT NULL, message_id INTEGER NOT NULL,
    PRIMARY KEY (account_id, random_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS relations (
    account_id INTEGER NOT NULL, peer_id INTEGER NOT NULL,
    read_inbox INTEGER NOT NULL DEFAULT 0, read_outbox INTEGER NOT NULL DEFAULT 0,
    contact INTEGER NOT NULL DEFAULT 0, blocked INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, peer_id)
) WITHOUT ROWID;
"""


class Database:
    """One connection. Reads go through ``execute``; writes stand inside ``transaction()``."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        path.chmod(0o600)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY", "wal_autocheckpoint=2000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_SCHEMA)
        self._open = False
        self.execute = self._connection.execute

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Inside another transaction it belongs to that one."""
        if self._open:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        self._open = True
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        else:
            self._connection.execute("COMMIT")
        finally:
            self._open = False

    def fact(self, name: str) -> str | None:
        """A setting that outlives the process, such as the server's key."""
        row = self.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def set_fact(self, name: str, value: str) -> None:
        self.execute("INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value))

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter that outlives the process."""
        self.execute(
            "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value", (name, by)
        )

    def counted(self, name: str) -> int:
        row = self.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
        return 0 if row is None else int(row["value"])

    def close(self) -> None:
        self._connection.close()
