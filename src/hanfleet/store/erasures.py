"""Erasures: everything held about one contact, its deletion, and the record that it was deleted.

The tables are found by their columns (see migration 0007), so a new one that names bot_id and chat_id is covered by
itself. Refuses to know how a contact is marked: the key for that is kept outside the database.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from hanfleet.kit.identity import new_id
from hanfleet.store.connection import Connection, as_json

# A message on its way out while its rows go may come back this much later, by another machine's clock.
_ECHO_MARGIN_S = 60

_HELD = text("SELECT relation, CAST(opened AS text) AS opened FROM contact_rows(:bot_id, :chat_id)")
# A row holds at most a few values of 64 KiB.
_ROWS_AT_ONCE = 50
# Who takes the rows may stop taking them, and must not keep the transaction open for ever.
_PATIENT = text("SELECT pg_catalog.set_config('idle_in_transaction_session_timeout', '60s', true)")
_FIND = text("SELECT id, created_at FROM user_profiles WHERE bot_id = :bot_id AND chat_id = :chat_id FOR UPDATE")
_TRACES = text("""
    SELECT EXISTS (SELECT 1 FROM session_entities WHERE bot_id = :bot_id AND entity_id = :chat_id)
        OR EXISTS (SELECT 1 FROM events WHERE bot_id = :bot_id
                   AND data ->> 'chat_id' = CAST(CAST(:chat_id AS bigint) AS text))""")
_ASK = text("""
    INSERT INTO erasures (id, kind, bot_id, contact_id, mark, requested_by, requested_at)
    VALUES (:id, :kind, :bot_id, :contact_id, :mark, :by, :now)
    ON CONFLICT (mark) WHERE done_at IS NULL DO NOTHING""")
_PENDING = text("""
    SELECT * FROM erasures WHERE done_at IS NULL AND mark = coalesce(CAST(:mark AS bytea), mark)
    ORDER BY requested_at LIMIT :limit""")
_ECHO = text("""
    UPDATE erasures SET echo_from = echo.since, echo_until = echo.until FROM (
        SELECT min(first_attempt_at) - make_interval(secs => :margin) AS since,
               CASE WHEN bool_or(state = 'sending') THEN CAST(:now AS timestamptz)
                    ELSE max(coalesce(sent_at, first_attempt_at)) END + make_interval(secs => :margin) AS until
        FROM outbox WHERE bot_id = :bot_id AND chat_id = :chat_id AND first_attempt_at IS NOT NULL) AS echo
    WHERE mark = :mark AND done_at IS NULL AND echo.since IS NOT NULL""")
_ERASE = text("SELECT erase_contact_rows(:bot_id, :chat_id)")
_GONE = text("""
    UPDATE erasures SET rows_gone_at = :now, counts = CAST(:counts AS jsonb)
    WHERE mark = :mark AND done_at IS NULL""")
_FINISH = text("UPDATE erasures SET done_at = :now WHERE mark = :mark AND done_at IS NULL")
_KEPT = text("SELECT id, kept FROM imports WHERE bot_id = :bot_id FOR UPDATE")
_SET_KEPT = text("UPDATE imports SET kept = CAST(:kept AS jsonb) WHERE id = :id")
_CONTACTS = text("""
    SELECT chat_id, max(created_at) AS created_at FROM (
        SELECT chat_id, created_at FROM user_profiles WHERE bot_id = :bot_id
        UNION ALL
        SELECT entity_id, NULL FROM session_entities WHERE bot_id = :bot_id) AS known (chat_id, created_at)
    GROUP BY chat_id""")
_CHATS_OF_EVENTS = text("""
    SELECT DISTINCT CAST(data ->> 'chat_id' AS bigint) AS chat_id FROM events
    WHERE bot_id = :bot_id AND data ->> 'chat_id' ~ '^-?[0-9]{1,18}$'""")
_LOGS_IN = text("SELECT 1 FROM bot_roles WHERE bot_id = :bot_id")


class ErasureKind(StrEnum):
    CONTACT = "contact"
    BOT = "bot"


@dataclass(frozen=True)
class Found:
    """A contact that is held: its id and when it was first met; both None: there are only traces of it."""

    contact_id: UUID | None = None
    met_at: datetime | None = None


@dataclass(frozen=True)
class PendingErasure:
    """One that was asked for and is not done; ``mark`` says of what, to whoever has the key."""

    kind: ErasureKind
    bot_id: str
    mark: bytes
    requested_at: datetime
    rows_gone_at: datetime | None
    counts: dict[str, int]


class Erasures:
    """For operators' transactions; what finds and erases contacts of restored backups needs the owner role."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def held(self, bot_id: str, chat_id: int) -> AsyncIterator[tuple[str, AsyncIterator[list[dict[str, Any]]]]]:
        """Every row about the contact at this moment, as JSON has it; sealed values in PostgreSQL's hex.

        Table by table, also empty ones, and of each a few rows at a time.
        """
        await self._connection.all(_PATIENT)
        for table in await self._connection.all(_HELD, bot_id=bot_id, chat_id=chat_id):
            yield table.relation, self._pages(text(f'FETCH {_ROWS_AT_ONCE} FROM "{table.opened}"'))

    async def _pages(self, fetch: TextClause) -> AsyncIterator[list[dict[str, Any]]]:
        while rows := await self._connection.all(fetch):
            yield [row[0] for row in rows]

    async def find(self, bot_id: str, chat_id: int) -> Found | None:
        """What there is to erase, locked against its bot until the commit; None: nothing is held of that chat."""
        row = await self._connection.first(_FIND, bot_id=bot_id, chat_id=chat_id)
        if row is not None:
            return Found(row.id, row.created_at)
        return Found() if await self._connection.value(_TRACES, bot_id=bot_id, chat_id=chat_id) else None

    async def ask(self, kind: ErasureKind, bot_id: str, mark: bytes, contact_id: UUID | None = None) -> None:
        """Write down that it is wanted, and by whom; one that is under way already stays the only one."""
        await self._connection.all(
            _ASK,
            id=new_id(),
            kind=kind,
            bot_id=bot_id,
            contact_id=contact_id,
            mark=mark,
            by=self._connection.principal.setting,
            now=self._connection.clock.now(),
        )

    async def erase(self, bot_id: str, chat_id: int, mark: bytes) -> dict[str, int]:
        """Delete all rows about the contact and note that with the erasure; gives how many went, by table."""
        now = self._connection.clock.now()
        await self._connection.all(_ECHO, bot_id=bot_id, chat_id=chat_id, mark=mark, now=now, margin=_ECHO_MARGIN_S)
        gone: dict[str, int] = await self._connection.value(_ERASE, bot_id=bot_id, chat_id=chat_id)
        counts = {table: count for table, count in gone.items() if count}
        await self._connection.all(_GONE, mark=mark, now=now, counts=as_json(counts))
        return counts

    async def pending(self, mark: bytes | None = None, *, limit: int = 100) -> Sequence[PendingErasure]:
        """Those that are not done (or the one with that mark), oldest first."""
        return [
            PendingErasure(
                kind=ErasureKind(row.kind),
                bot_id=row.bot_id,
                mark=row.mark,
                requested_at=row.requested_at,
                rows_gone_at=row.rows_gone_at,
                counts=row.counts,
            )
            for row in await self._connection.all(_PENDING, mark=mark, limit=limit)
        ]

    async def finish(self, mark: bytes) -> None:
        """Nothing is left to do."""
        await self._connection.all(_FINISH, mark=mark, now=self._connection.clock.now())

    async def kept(self, bot_id: str) -> Sequence[tuple[UUID, dict[str, Any]]]:
        """What each import of the old bot's data kept, by import."""
        return [(row.id, row.kept) for row in await self._connection.all(_KEPT, bot_id=bot_id)]

    async def set_kept(self, import_id: UUID, kept: Mapping[str, Any]) -> None:
        await self._connection.all(_SET_KEPT, id=import_id, kept=as_json(kept))

    async def contacts(self, bot_id: str) -> Sequence[tuple[int, datetime | None]]:
        """Every chat that is known, with the time when its contact was first met (None: no contact, only a peer)."""
        rows = await self._connection.all(_CONTACTS, bot_id=bot_id)
        return [(row.chat_id, row.created_at if isinstance(row.created_at, datetime) else None) for row in rows]

    async def chats_of_events(self, bot_id: str) -> Sequence[int]:
        """Every chat that an event of the bot names. Reads all of the bot's events."""
        return [row.chat_id for row in await self._connection.all(_CHATS_OF_EVENTS, bot_id=bot_id)]

    async def logs_in(self, bot_id: str) -> bool:
        """Whether the bot has a database role here. Only the owner role may ask."""
        return await self._connection.first(_LOGS_IN, bot_id=bot_id) is not None
