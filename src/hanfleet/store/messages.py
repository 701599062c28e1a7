"""Messages: reading what was said. Writing happens with its cause, in inbox, turns and outbox."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from hanfleet.core.messages import Author, Direction, MediaKind
from hanfleet.store.connection import Connection
from hanfleet.store.records import MessageRow
from hanfleet.store.texts import Texts, text_field

_GET = text("SELECT * FROM messages WHERE bot_id = :bot_id AND id = :id")
_LIST = text("""
    SELECT * FROM messages
    WHERE bot_id = :bot_id AND chat_id = :chat_id AND (CAST(:before AS uuid) IS NULL OR id < CAST(:before AS uuid))
    ORDER BY id DESC LIMIT :limit""")


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
