"""Every account's own box of messages, and the numbered log of its changes (pts) from which clients catch up.

Message ids and pts belong to one box; the copies of a message know each other by the sender's id (``origin``).
Everything here runs inside one transaction of the caller and says which changes came of it; pushing is not its job.
"""

import json
import sqlite3

from hanfleet.sandbox.telegram.database import Database
from hanfleet.sandbox.telegram.letters import Change, ChangeKind, Letter, Marks, letter_of


class Mailbox:
    """Reads and writes boxes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._execute = database.execute

    def pts(self, account_id: int) -> int:
        row = self._execute("SELECT pts FROM accounts WHERE id = ?", (account_id,)).fetchone()
        return int(row["pts"])

    def advance(self, account_id: int, steps: int) -> int:
        """Move an account's pts on and give the new value."""
        statement = "UPDATE accounts SET pts = pts + ? WHERE id = ? RETURNING pts"
        return int(self._execute(statement, (steps, account_id)).fetchone()["pts"])

    def next_ids(self, account_id: int, *, sends: int) -> tuple[int, int]:
        """The pts and the message id of the next new message of a box."""
        statement = (
            "UPDATE accounts SET pts = pts + 1, top_id = top_id + 1, sends = sends + ? WHERE id = ?"
            " RETURNING pts, top_id"
        )
        row = self._execute(statement, (sends, account_id)).fetchone()
        return int(row["pts"]), int(row["top_id"])

    def put(self, letter: Letter) -> None:
        """Store a new copy."""
        self._execute(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                letter.account_id,
                letter.id,
                letter.peer_id,
                letter.out,
                letter.text,
                letter.entities,
                letter.markup,
                letter.reply_to,
                letter.date,
                letter.edit_date,
                letter.origin_account,
                letter.origin_id,
            ),
        )

    def record(self, change: Change) -> Change:
        """Write a change into the log and give it back."""
        self._execute(
            "INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                change.account_id,
                change.pts,
                change.pts_count,
                change.kind.value,
                change.peer_id,
                change.message_id,
                change.unread,
                json.dumps(change.ids) if change.ids else None,
            ),
        )
        return change

    def letter(self, account_id: int, message_id: int) -> Letter | None:
        row = self._execute(
            "SELECT * FROM messages WHERE account_id = ? AND id = ?", (account_id, message_id)
        ).fetchone()
        return None if row is None else letter_of(row)

    def copies(self, letter: Letter) -> list[Letter]:
        """All copies of a message, this one among them."""
        statement = "SELECT * FROM messages WHERE origin_account = ? AND origin_id = ?"
        rows = self._execute(statement, (letter.origin_account, letter.origin_id))
        return [letter_of(row) for row in rows.fetchall()]

    def changes(self, account_id: int, after_pts: int, limit: int) -> list[Change]:
        """The log after ``after_pts``, oldest first."""
        statement = "SELECT * FROM changes WHERE account_id = ? AND pts > ? ORDER BY pts LIMIT ?"
        rows = self._execute(statement, (account_id, after_pts, limit)).fetchall()
        return [self._change_of(row) for row in rows]

    def _change_of(self, row: sqlite3.Row) -> Change:
        kind = ChangeKind(row["kind"])
        told = kind in (ChangeKind.NEW, ChangeKind.EDITED)
        return Change(
            account_id=row["account_id"],
            pts=row["pts"],
            pts_count=row["pts_count"],
            kind=kind,
            peer_id=row["peer_id"],
            message_id=row["message_id"],
            unread=row["unread"],
            ids=tuple(json.loads(row["ids"])) if row["ids"] else (),
            letter=self.letter(row["account_id"], row["message_id"]) if told else None,
        )

    def marks(self, account_id: int, peer_id: int) -> Marks | None:
        """What the account knows about the peer; None when they never met."""
        statement = "SELECT * FROM relations WHERE account_id = ? AND peer_id = ?"
        row = self._execute(statement, (account_id, peer_id)).fetchone()
        if row is None:
            return None
        return Marks(row["read_inbox"], row["read_outbox"], bool(row["contact"]), bool(row["blocked"]))

    def set_mark(self, account_id: int, peer_id: int, name: str, value: int) -> None:
        """Set one column of what the account knows about the peer (a name of Marks)."""
        self._execute(
            f"INSERT INTO relations (account_id, peer_id, {name}) VALUES (?, ?, ?)"  # noqa: S608 names come from code
            f" ON CONFLICT DO UPDATE SET {name} = excluded.{name}",
            (account_id, peer_id, value),
        )

    def meet(self, account_id: int, peer_id: int) -> None:
        """Both know each other from now on."""
        for pair in ((account_id, peer_id), (peer_id, account_id)):
            self._execute("INSERT INTO relations (account_id, peer_id) VALUES (?, ?) ON CONFLICT DO NOTHING", pair)

    def unread(self, account_id: int, peer_id: int) -> int:
        statement = (
            "SELECT count(*) AS n FROM messages WHERE account_id = ? AND peer_id = ? AND out = 0 AND id >"
            " coalesce((SELECT read_inbox FROM relations WHERE account_id = ? AND peer_id = ?), 0)"
        )
        return int(self._execute(statement, (account_id, peer_id, account_id, peer_id)).fetchone()["n"])
