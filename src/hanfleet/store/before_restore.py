"""What the account itself wrote between a backup and its restore: Telegram tells of it again, and no row knows it.

The bot wrote it, as far as anybody can know: it never counts as the owner's, whose words would silence the bot for
good. What came in before it is answered, so that nobody gets an answer twice. Refuses to make anybody a contact: who
is none was perhaps erased since.
"""

# ruff: noqa: S608 - only our own constants are put into statements, never a value

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from hanfleet.core.messages import Author, Direction, InboundMessage
from hanfleet.kit.identity import new_id
from hanfleet.store.connection import Connection, storable
from hanfleet.store.outbox import Outbox
from hanfleet.store.records import OutboxKind, OutboxState

# Telegram's clock and the database's are two.
_MARGIN_S = 10

_COVERS = text("""
    SELECT 1 FROM sessions
    WHERE bot_id = :bot_id AND restored_at + make_interval(secs => :margin) >= CAST(:sent_at AS timestamptz)""")
# Waiting in the backup, and sent afterwards. Before the disclosure nothing else can have gone out.
_WAITING = text(f"""
    SELECT o.id, o.text, o.text_sealed FROM outbox o
    JOIN user_profiles p ON p.bot_id = o.bot_id AND p.chat_id = o.chat_id
    WHERE o.bot_id = :bot_id AND p.bot_id = :bot_id AND o.chat_id = :chat_id AND o.state = '{OutboxState.PENDING}'
      AND (o.kind = '{OutboxKind.DISCLOSURE}' OR p.disclosed_at IS NOT NULL)
    ORDER BY o.position""")
# The conversation is locked first, as a turn locks it. A turn stands for what is answered, so that one that is being
# thought about right now finds it and writes nothing; the model's server, which heard less, is to be told everything.
_KEEP = text(f"""
    WITH talk AS (
        SELECT newest_inbound FROM conversations WHERE bot_id = :bot_id AND chat_id = :chat_id FOR UPDATE),
    answered AS (
        UPDATE messages SET waiting = false, turn_id = :turn
        WHERE bot_id = :bot_id AND chat_id = :chat_id AND waiting AND telegram_id < :telegram_id
          AND EXISTS (SELECT 1 FROM talk)
        RETURNING telegram_id),
    decided AS (
        INSERT INTO turns (bot_id, chat_id, newest_inbound, id, reason, created_at)
        SELECT :bot_id, :chat_id, max(telegram_id), :turn, 'answered before the restore', :now FROM answered
        HAVING count(*) > 0 ON CONFLICT DO NOTHING),
    dropped AS (
        UPDATE outbox SET state = '{OutboxState.CANCELLED}', error = 'answered before the restore'
        WHERE bot_id = :bot_id AND chat_id = :chat_id AND state = '{OutboxState.PENDING}'
          AND coalesce(answers, 0) < :telegram_id AND EXISTS (SELECT 1 FROM talk)
        RETURNING id),
    unsaid AS (
        UPDATE messages SET deleted_at = :now WHERE bot_id = :bot_id AND id IN (SELECT id FROM dropped)),
    moved AS (
        UPDATE conversations c
        SET answered_through = greatest(c.answered_through, (SELECT max(telegram_id) FROM answered)),
            reply_due_at = CASE WHEN c.newest_inbound > :telegram_id THEN c.reply_due_at END,
            waiting_since = CASE WHEN c.newest_inbound > :telegram_id THEN c.waiting_since END,
            response_id = NULL, timestamp = :now
        FROM talk WHERE c.bot_id = :bot_id AND c.chat_id = :chat_id)
    INSERT INTO messages
        (bot_id, id, chat_id, telegram_id, direction, author, text, text_sealed, media, sent_at, created_at)
    SELECT :bot_id, :id, :chat_id, :telegram_id, '{Direction.OUT}', '{Author.BOT}', :text,
           decode(:text_sealed, 'hex'), :media, :sent_at, :now
    FROM talk RETURNING id""")
_COLUMNS = ("id", "chat_id", "telegram_id", "text", "text_sealed", "media", "sent_at")


class BeforeRestore:
    """Own messages that are older than the restore of the bot's session."""

    def __init__(self, connection: Connection, text_of: Callable[[Row[Any]], str]) -> None:
        self._connection = connection
        self._outbox = Outbox(connection)
        self._text_of = text_of

    async def covers(self, bot_id: str, sent_at: datetime) -> bool:
        """Whether what was sent then was sent before the bot was restored; never where it was not."""
        found = await self._connection.first(_COVERS, bot_id=bot_id, sent_at=sent_at, margin=_MARGIN_S)
        return found is not None

    async def recognise(self, bot_id: str, message: InboundMessage, now: datetime) -> UUID | None:
        """The row that waited in the backup and went out since, marked as sent; None: there is none with this text."""
        said = storable(message.text)
        for row in await self._connection.all(_WAITING, bot_id=bot_id, chat_id=message.chat_id):
            if self._text_of(row) == said:
                outbox_id: UUID = row.id
                await self._outbox.mark_sent(bot_id, outbox_id, message.telegram_id, now)
                return outbox_id
        return None

    async def keep(self, bot_id: str, message: Mapping[str, Any], now: datetime) -> bool:
        """Store it as the bot's, and what came in before it as answered. False: the chat is not known, and stays so."""
        given = {name: message[name] for name in _COLUMNS}
        return await self._connection.first(_KEEP, bot_id=bot_id, turn=new_id(), now=now, **given) is not None
