"""Summaries: what a model made of a conversation so far. Each is kept; the newest stands in the prompt."""

from uuid import UUID

from sqlalchemy import text

from hanfleet.kit.identity import new_id
from hanfleet.store.connection import Connection
from hanfleet.store.records import SummaryRow

_ADD = text("""
    INSERT INTO summaries (bot_id, id, chat_id, summary, summary_sealed, through, created_at)
    VALUES (:bot_id, :id, :chat_id, :summary, decode(:sealed, 'hex'), :through, :now)""")
_NEWEST = text("""
    SELECT id, bot_id, chat_id, summary, summary_sealed, through, created_at FROM summaries
    WHERE bot_id = :bot_id AND chat_id = :chat_id ORDER BY id DESC LIMIT 1""")


class Summaries:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, bot_id: str, chat_id: int, summary: str, *, through: UUID) -> None:
        """Keep a summary of all messages up to and with ``through``. Refuses an empty one."""
        summary_id = new_id()
        kept = self._connection.texts.keep(summary_field(summary_id), summary)
        await self._connection.all(
            _ADD,
            bot_id=bot_id,
            id=summary_id,
            chat_id=chat_id,
            summary=kept.clear,
            sealed=kept.sealed,
            through=through,
            now=self._connection.clock.now(),
        )

    async def newest(self, bot_id: str, chat_id: int) -> SummaryRow | None:
        row = await self._connection.first(_NEWEST, bot_id=bot_id, chat_id=chat_id)
        if row is None:
            return None
        summary = self._connection.texts.read(summary_field(row.id), row.summary, row.summary_sealed)
        return SummaryRow(row.id, row.bot_id, row.chat_id, summary, row.through, row.created_at)


def summary_field(summary_id: UUID) -> str:
    """The field for which a summary is sealed."""
    return f"summary:{summary_id}"
