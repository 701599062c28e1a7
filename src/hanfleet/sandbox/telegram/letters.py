"""What boxes hold and how they change: messages, steps of pts, and what one account knows about another."""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum


class ChangeKind(StrEnum):
    NEW = "new"
    EDITED = "edited"
    DELETED = "deleted"
    READ_INBOX = "read_inbox"
    READ_OUTBOX = "read_outbox"


@dataclass(frozen=True, slots=True)
class Letter:
    """One copy of a message, in the box of ``account_id``. Dates are whole seconds of Unix time."""

    account_id: int
    id: int
    peer_id: int
    out: bool
    text: str
    entities: bytes | None
    markup: bytes | None
    reply_to: int | None
    date: int
    edit_date: int | None
    origin_account: int
    origin_id: int


@dataclass(frozen=True, slots=True)
class Change:
    """One step of an account's pts; ``letter`` is given for new and edited messages that still exist."""

    account_id: int
    pts: int
    pts_count: int
    kind: ChangeKind
    peer_id: int | None = None
    message_id: int | None = None
    unread: int | None = None
    ids: tuple[int, ...] = ()
    letter: Letter | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """What one account knows about one peer, in its own message ids."""

    read_inbox: int = 0
    read_outbox: int = 0
    contact: bool = False
    blocked: bool = False


def letter_of(row: sqlite3.Row) -> Letter:
    """A row of ``messages`` as a Letter."""
    return Letter(
        account_id=row["account_id"],
        id=row["id"],
        peer_id=row["peer_id"],
        out=bool(row["out"]),
        text=row["text"],
        entities=row["entities"],
        markup=row["markup"],
        reply_to=row["reply_to"],
        date=row["date"],
        edit_date=row["edit_date"],
        origin_account=row["origin_account"],
        origin_id=row["origin_id"],
    )
