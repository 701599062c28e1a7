"""Contacts (table user_profiles): who they are, and what they decided: told, opted out, taken over."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from hanfleet.core.events import ContactUpdated
from hanfleet.store.connection import Connection
from hanfleet.store.events import Events
from hanfleet.store.outbox import Outbox
from hanfleet.store.records import ContactRow, OutboxKind

_GET = text("SELECT * FROM user_profiles WHERE bot_id = :bot_id AND chat_id = :chat_id")
_LIST = text("""
    SELECT * FROM user_profiles
    WHERE bot_id = :bot_id AND chat_id >= coalesce(CAST(:after AS bigint), CAST('-9223372036854775808' AS bigint))
      AND chat_id IS DISTINCT FROM CAST(:after AS bigint)
    ORDER BY chat_id LIMIT :limit""")
_SET_OPTED_OUT = text("""
    UPDATE user_profiles SET opted_out_at = :at
    WHERE bot_id = :bot_id AND chat_id = :chat_id AND (opted_out_at IS NULL) <> (CAST(:at AS timestamptz) IS NULL)
    RETURNING id""")
_SET_PAUSED = text("""
    UPDATE user_profiles SET paused_at = :at
    WHERE bot_id = :bot_id AND chat_id = :chat_id AND (paused_at IS NULL) <> (CAST(:at AS timestamptz) IS NULL)
    RETURNING id""")


class Contacts:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._events = Events(connection)
        self._outbox = Outbox(connection)

    async def get(self, bot_id: str, chat_id: int) -> ContactRow | None:
        row = await self._connection.first(_GET, bot_id=bot_id, chat_id=chat_id)
        return None if row is None else contact_of(row)

    async def list(self, bot_id: str, *, after: int | None = None, limit: int = 100) -> Sequence[ContactRow]:
        """Contacts by chat id, those behind ``after``."""
        rows = await self._connection.all(_LIST, bot_id=bot_id, after=after, limit=limit)
        return [contact_of(row) for row in rows]

    async def set_opted_out(self, bot_id: str, chat_id: int, at: datetime | None) -> bool:
        """Opt out (or in again with None). Pending replies are cancelled; notices and the disclosure stay.

        False when nothing changed. Writes ContactUpdated.
        """
        return await self._mark(_SET_OPTED_OUT, bot_id, chat_id, at, ("opted_out", "opted_in"))

    async def set_paused(self, bot_id: str, chat_id: int, at: datetime | None) -> bool:
        """A person takes the conversation over (or hands it back with None). Pending replies are cancelled.

        False when nothing changed. Writes ContactUpdated.
        """
        return await self._mark(_SET_PAUSED, bot_id, chat_id, at, ("paused", "resumed"))

    async def _mark(
        self, statement: Any, bot_id: str, chat_id: int, at: datetime | None, words: tuple[str, str]
    ) -> bool:
        if await self._connection.first(statement, bot_id=bot_id, chat_id=chat_id, at=at) is None:
            return False
        if at is not None:
            await self._outbox.cancel_pending(bot_id, chat_id, kinds=(OutboxKind.REPLY, OutboxKind.FALLBACK))
        change = words[0] if at is not None else words[1]
        await self._events.append(ContactUpdated(bot_id=bot_id, chat_id=chat_id, change=change), bot_id=bot_id)
        return True


def contact_of(row: Row[Any]) -> ContactRow:
    """A row of user_profiles."""
    return ContactRow(
        id=row.id,
        bot_id=row.bot_id,
        chat_id=row.chat_id,
        name=row.name,
        username=row.username,
        language=row.language,
        is_bot=row.is_bot,
        profile_data=row.profile_data,
        disclosed_at=row.disclosed_at,
        opted_out_at=row.opted_out_at,
        paused_at=row.paused_at,
        message_count=row.message_count,
        last_activity=row.last_activity,
        created_at=row.created_at,
    )
