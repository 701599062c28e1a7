"""Messages: reading what was said. Writing happens with its cause, in inbox, turns and outbox."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from hanfleet.core.messages import Author, Direction, MediaKind
from hanfleet.store.connection import Connection, storable
from hanfleet.store.records import MessageRow
from hanfleet.store.texts import Texts, text_field

_GET = text("SELECT * FROM messages WHERE bot_id = :bot_id AND id = :id")
_LIST = text("""
    SELECT * FROM messages
    WHERE bot_id = :bot_id AND chat_id = :chat_id AND (CAST(:before AS uuid) IS NULL OR id < CAST(:before AS uuid))
    ORDER BY id DESC LIMIT :limit""")
_SEARCH = text("""
    SELECT m.* FROM search_messages(:bot_id, :query, :limit, CAST(:before AS uuid)) AS found (id)
    JOIN messages m ON m.bot_id = :bot_id AND m.id = found.id ORDER BY m.id DESC""")
# A minus before a minus: PostgreSQL bears no more than 32 in a row, and calls that an error of its own.
_REPEATED_NOT = re.compile(r'-[^\w"]*(?=-)')
# Ids grow with time, so the oldest messages come first in the primary key; imported ones are below all others. One
# of ours goes with its outbox row, which has the same id and the same words.
_EXPIRE = text("""
    WITH old AS (
        SELECT id FROM messages m
        WHERE bot_id = :bot_id AND id < :bound AND created_at < :before AND NOT waiting
          AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.bot_id = :bot_id AND o.id = m.id
                          AND o.state IN ('pending', 'sending'))
        ORDER BY id LIMIT :limit),
    sent AS (DELETE FROM outbox o USING old WHERE o.bot_id = :bot_id AND o.id = old.id)
    DELETE FROM messages m USING old WHERE m.bot_id = :bot_id AND m.id = old.id RETURNING 1""")


class Messages:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, bot_id: str, message_id: UUID) -> MessageRow | None:
        row = await self._connection.first(_GET, bot_id=bot_id, id=message_id)
        return None if row is None else message_of(row, self._connection.texts)

    async def list(
        self, bot_id: str, chat_id: int, *, before: UUID | None = None, limit: int = 100
    ) -> Sequence[MessageRow]:
        """The newest messages of a conversation (those older than ``before``), oldest first, deleted ones too."""
        rows = await self._connection.all(_LIST, bot_id=bot_id, chat_id=chat_id, before=before, limit=limit)
        return [message_of(row, self._connection.texts) for row in reversed(rows)]

    async def search(
        self, bot_id: str, query: str, *, limit: int = 50, before: UUID | None = None
    ) -> Sequence[MessageRow]:
        """Messages with all words of ``query``, in any form, the newest first; for the API's role alone.

        Words as in a web search: "a phrase", or, -without. Deleted messages and sealed texts are not found.
        """
        words = _REPEATED_NOT.sub("", storable(query))
        rows = await self._connection.all(_SEARCH, bot_id=bot_id, query=words, limit=limit, before=before)
        return [message_of(row, self._connection.texts) for row in rows]

    async def expire(self, bot_id: str, before: datetime, *, limit: int = 1000) -> int:
        """Delete up to ``limit`` messages that are older, and say how many; fewer than ``limit``: none are left.

        What waits for an answer or for being sent stays.
        """
        bound = UUID(int=int(before.timestamp() * 1000) << 80)
        rows = await self._connection.all(_EXPIRE, bot_id=bot_id, bound=bound, before=before, limit=limit)
        return len(rows)


def message_of(row: Row[Any], texts: Texts) -> MessageRow:
    """A row of messages, its text opened."""
    return MessageRow(
        id=row.id,
        bot_id=row.bot_id,
        chat_id=row.chat_id,
        telegram_id=row.telegram_id,
        direction=Direction(row.direction),
        author=Author(row.author),
        text=texts.read(text_field(row.id), row.text, row.text_sealed),
        media=MediaKind(row.media),
        sent_at=row.sent_at,
        created_at=row.created_at,
        edited_at=row.edited_at,
        deleted_at=row.deleted_at,
        outbox_id=row.outbox_id,
        turn_id=row.turn_id,
    )
