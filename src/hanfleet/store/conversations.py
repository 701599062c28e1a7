"""Conversations: which of them wait for a turn, and all that a turn is decided on."""

# ruff: noqa: S608 - only our own constants are put into statements, never a value

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from hanfleet.store.connection import Connection
from hanfleet.store.contacts import contact_of
from hanfleet.store.messages import message_of
from hanfleet.store.outbox import HEADS_DUE
from hanfleet.store.records import ConversationRow, OutboxKind, TurnContext

_GET = text("SELECT * FROM conversations WHERE bot_id = :bot_id AND chat_id = :chat_id")
_DUE = text("""
    SELECT chat_id FROM conversations WHERE bot_id = :bot_id AND reply_due_at <= :now
    ORDER BY reply_due_at LIMIT :limit""")
_NEXT_DUE = text("SELECT min(reply_due_at) FROM conversations WHERE bot_id = :bot_id AND reply_due_at IS NOT NULL")
_POSTPONE = text("""
    UPDATE conversations SET reply_due_at = greatest(reply_due_at, CAST(:until AS timestamptz))
    WHERE bot_id = :bot_id AND chat_id = :chat_id AND reply_due_at IS NOT NULL""")
_OLDEST_UNANSWERED = text(f"""
    SELECT least(
        (SELECT min(reply_due_at) FROM conversations WHERE bot_id = :bot_id AND reply_due_at <= :now),
        (SELECT min(due_at) FROM ({HEADS_DUE}) AS heads WHERE due_at <= :now))""")
_STANDING = text(f"""
    SELECT p.*, c.id AS conversation_id, c.newest_inbound, c.newest_inbound_at, c.answered_through, c.reply_due_at,
           c.waiting_since, c.response_id, c.timestamp,
           EXISTS (SELECT 1 FROM outbox o WHERE o.bot_id = c.bot_id AND o.chat_id = c.chat_id
                   AND o.state IN ('pending', 'sending') AND o.kind = '{OutboxKind.DISCLOSURE}') AS disclosure_pending
    FROM conversations c JOIN user_profiles p ON p.bot_id = c.bot_id AND p.chat_id = c.chat_id
    WHERE c.bot_id = :bot_id AND p.bot_id = :bot_id AND c.chat_id = :chat_id""")
# Ids grow with the order in which messages became known, ours and theirs: the order of the talk. What waits for a
# decision is never cut off by the limit.
_TALK = text("""
    WITH newest AS MATERIALIZED (
        SELECT * FROM messages WHERE bot_id = :bot_id AND chat_id = :chat_id AND deleted_at IS NULL
        ORDER BY id DESC LIMIT :limit)
    SELECT * FROM newest
    UNION ALL
    SELECT * FROM messages
    WHERE bot_id = :bot_id AND chat_id = :chat_id AND waiting AND deleted_at IS NULL
      AND id < (SELECT id FROM newest ORDER BY id LIMIT 1)
    ORDER BY id""")


class Conversations:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, bot_id: str, chat_id: int) -> ConversationRow | None:
        row = await self._connection.first(_GET, bot_id=bot_id, chat_id=chat_id)
        return None if row is None else _conversation(row, row.id)

    async def due(self, bot_id: str, now: datetime, limit: int = 100) -> Sequence[int]:
        """Chat ids whose burst is over and which no turn has decided on, longest due first.

        Paused and opted-out ones too: that they get no answer is the turn's decision (one without parts).
        """
        return [row.chat_id for row in await self._connection.all(_DUE, bot_id=bot_id, now=now, limit=limit)]

    async def next_due_at(self, bot_id: str) -> datetime | None:
        """When the next conversation becomes due; may lie in the past; None: nothing waits."""
        return _time(await self._connection.value(_NEXT_DUE, bot_id=bot_id))

    async def postpone(self, bot_id: str, chat_id: int, until: datetime) -> None:
        """Let a due conversation wait until then (the model is busy); never brings it forward."""
        await self._connection.all(_POSTPONE, bot_id=bot_id, chat_id=chat_id, until=until)

    async def oldest_unanswered_at(self, bot_id: str) -> datetime | None:
        """Since when the longest-waiting contact could have had an answer: a decision, or a decided part.

        What waits by plan counts from the plan's end: a burst, quiet hours, a limit of Telegram's, a model that failed.
        """
        now = self._connection.clock.now()
        return _time(await self._connection.value(_OLDEST_UNANSWERED, bot_id=bot_id, now=now))

    async def load_turn(self, bot_id: str, chat_id: int, history_limit: int) -> TurnContext | None:
        """The context of a turn; None for a chat that the store does not know.

        ``fresh`` may be empty (all of it deleted meanwhile): the turn is to be committed without parts then.
        ``history`` holds at most ``history_limit`` messages, deleted and never-sent ones excluded.
        """
        standing = await self._connection.first(_STANDING, bot_id=bot_id, chat_id=chat_id)
        if standing is None:
            return None
        rows = await self._connection.all(_TALK, bot_id=bot_id, chat_id=chat_id, limit=history_limit)
        texts = self._connection.texts
        fresh = tuple(message_of(row, texts) for row in rows if row.waiting)
        history = [message_of(row, texts) for row in rows if not row.waiting]
        return TurnContext(
            contact=contact_of(standing),
            conversation=_conversation(standing, standing.conversation_id),
            fresh=fresh,
            history=tuple(history[-history_limit:]),
            newest_inbound=standing.newest_inbound,
            disclosure_pending=standing.disclosure_pending,
        )


def _time(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _conversation(row: Row[Any], conversation_id: Any) -> ConversationRow:
    return ConversationRow(
        id=conversation_id,
        bot_id=row.bot_id,
        chat_id=row.chat_id,
        newest_inbound=row.newest_inbound,
        newest_inbound_at=row.newest_inbound_at,
        answered_through=row.answered_through,
        reply_due_at=row.reply_due_at,
        waiting_since=row.waiting_since,
        response_id=row.response_id,
        timestamp=row.timestamp,
    )
