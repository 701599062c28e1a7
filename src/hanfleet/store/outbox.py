"""The outbox: what was decided and must go out, each row once, per chat strictly in order, disclosure first.

A row's ``random_id`` is made with it and never changes, so a row may be sent again after a crash: Telegram drops the
second. The disclosure gate stands here in SQL, and once more as a trigger: no row but a disclosure is given or
marked before the contact's ``disclosed_at`` is set.
"""

# ruff: noqa: S608 - only our own constants are put into statements, never a value

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from hanfleet.core.events import ContactDisclosed, MessageSent
from hanfleet.kit.identity import new_id
from hanfleet.store.connection import Connection
from hanfleet.store.records import OutboxKind, OutboxRow, OutboxState
from hanfleet.store.texts import Texts, text_field

_SENT = MessageSent.model_fields["type"].default
_TOLD = ContactDisclosed.model_fields["type"].default
_UNSENT = f"state IN ('{OutboxState.PENDING}', '{OutboxState.SENDING}')"


def _due(row: str) -> str:
    """When the planned waits of ``row`` are over; they count from the decision, so a restart does not repeat them."""
    return f"{row}.created_at + ({row}.read_wait_ms + {row}.typing_ms) * interval '1 millisecond'"


# The head of a chat: what may have been sent already, then disclosures, then by position. Nothing overtakes it.
_HEADS = f"""
    SELECT h.* FROM (
        SELECT DISTINCT ON (chat_id) * FROM outbox WHERE bot_id = :bot_id AND {_UNSENT}
        ORDER BY chat_id, state <> '{OutboxState.SENDING}', kind <> '{OutboxKind.DISCLOSURE}', position) AS h
    WHERE (h.kind = '{OutboxKind.DISCLOSURE}' OR EXISTS (
        SELECT 1 FROM user_profiles p
        WHERE p.bot_id = :bot_id AND p.chat_id = h.chat_id AND p.disclosed_at IS NOT NULL))"""
#: Since when each chat's head may go out: it was put off until then, or its planned waits end then.
HEADS_DUE = f"SELECT greatest(head.not_before, {_due('head')}) AS due_at FROM ({_HEADS}) AS head"
_NEXT = text(f"""
    {_HEADS} AND coalesce(h.not_before, '-infinity') <= :now
    ORDER BY h.position LIMIT :limit""")
# One chat's head, begun in the same statement when its planned waits are over.
_TAKE_HEAD = text(f"""
    WITH first AS (
        SELECT * FROM outbox WHERE bot_id = :bot_id AND chat_id = :chat_id AND {_UNSENT}
        ORDER BY state <> '{OutboxState.SENDING}', kind <> '{OutboxKind.DISCLOSURE}', position LIMIT 1),
    head AS (
        SELECT * FROM first
        WHERE coalesce(not_before, '-infinity') <= :now AND (kind = '{OutboxKind.DISCLOSURE}' OR EXISTS (
            SELECT 1 FROM user_profiles p
            WHERE p.bot_id = :bot_id AND p.chat_id = :chat_id AND p.disclosed_at IS NOT NULL))),
    begun AS (
        UPDATE outbox o SET state = '{OutboxState.SENDING}', attempts = o.attempts + 1,
            first_attempt_at = coalesce(o.first_attempt_at, :now)
        FROM head h
        WHERE o.bot_id = :bot_id AND o.id = h.id AND h.state = '{OutboxState.PENDING}' AND {_due("h")} <= :now
          AND o.state IN ('{OutboxState.PENDING}', '{OutboxState.SENDING}')
        RETURNING o.*)
    SELECT * FROM begun
    UNION ALL
    SELECT * FROM head h WHERE h.state = '{OutboxState.SENDING}' OR {_due("h")} > :now""")
_NEXT_AT = text(f"SELECT min(coalesce(not_before, created_at)) FROM ({_HEADS}) AS ready")
_MARK_SENDING = text(f"""
    UPDATE outbox SET state = '{OutboxState.SENDING}', attempts = attempts + 1,
        first_attempt_at = coalesce(first_attempt_at, :now)
    WHERE bot_id = :bot_id AND id = :id AND {_UNSENT} RETURNING id""")
_MARK_SENT = text(f"""
    WITH was AS (
        SELECT id, chat_id, kind, turn_id, state FROM outbox WHERE bot_id = :bot_id AND id = :id FOR UPDATE),
    sent AS (
        UPDATE outbox o SET state = '{OutboxState.SENT}',
            telegram_id = coalesce(CAST(:telegram_id AS bigint), o.telegram_id),
            sent_at = coalesce(o.sent_at, :now), error = NULL
        FROM was WHERE o.bot_id = :bot_id AND o.id = was.id),
    message AS (
        UPDATE messages m SET telegram_id = coalesce(CAST(:telegram_id AS bigint), m.telegram_id),
            sent_at = coalesce(m.sent_at, :now), deleted_at = NULL
        WHERE m.bot_id = :bot_id AND m.id = :id),
    told AS (
        UPDATE user_profiles p SET disclosed_at = :now FROM was
        WHERE p.bot_id = :bot_id AND p.chat_id = was.chat_id AND p.disclosed_at IS NULL
          AND was.kind = '{OutboxKind.DISCLOSURE}' AND was.state <> '{OutboxState.SENT}'
        RETURNING p.chat_id),
    counter AS (
        UPDATE bot_counters SET event_seq = event_seq + 1 + (SELECT count(*) FROM told)
        WHERE bot_id = :bot_id AND EXISTS (SELECT 1 FROM was WHERE state <> '{OutboxState.SENT}')
        RETURNING event_seq),
    news AS (
        SELECT CAST(:sent_event AS uuid) AS id, '{_SENT}' AS type,
               event_seq - (SELECT count(*) FROM told) AS seq,
               jsonb_build_object('bot_id', CAST(:bot_id AS text), 'chat_id', was.chat_id, 'message_id', was.id) AS data
        FROM counter, was
        UNION ALL
        SELECT CAST(:told_event AS uuid), '{_TOLD}', event_seq,
               jsonb_build_object('bot_id', CAST(:bot_id AS text), 'chat_id', told.chat_id)
        FROM counter, told),
    written AS (
        INSERT INTO events (id, type, version, source, bot_id, seq, data, correlation_id, timestamp)
        SELECT news.id, news.type, 1, :source, :bot_id, news.seq, news.data, coalesce(was.turn_id, was.id), :now
        FROM news, was)
    SELECT state FROM was""")
_MARK_FAILED = text(f"""
    WITH failed AS (
        UPDATE outbox SET state = '{OutboxState.FAILED}', error = :error
        WHERE bot_id = :bot_id AND id = :id AND {_UNSENT} RETURNING id, turn_id, position),
    dropped AS (
        UPDATE outbox o SET state = '{OutboxState.CANCELLED}', error = 'an earlier part failed'
        FROM failed WHERE o.bot_id = :bot_id AND o.turn_id = failed.turn_id AND o.position > failed.position
          AND o.state = '{OutboxState.PENDING}' RETURNING o.id),
    unsaid AS (
        UPDATE messages m SET deleted_at = :now
        WHERE m.bot_id = :bot_id AND m.id IN (SELECT id FROM failed UNION ALL SELECT id FROM dropped))
    SELECT id FROM failed""")
_RESCHEDULE = text(f"""
    UPDATE outbox SET not_before = :not_before, error = CASE WHEN id = :id THEN :error ELSE error END,
        state = CASE WHEN id <> :id OR :maybe_sent THEN state ELSE '{OutboxState.PENDING}' END
    WHERE bot_id = :bot_id AND {_UNSENT} AND chat_id = (
        SELECT chat_id FROM outbox WHERE bot_id = :bot_id AND id = :id AND {_UNSENT})""")
_CANCEL = text(f"""
    WITH dropped AS (
        UPDATE outbox SET state = '{OutboxState.CANCELLED}'
        WHERE bot_id = :bot_id AND chat_id = :chat_id AND state = '{OutboxState.PENDING}'
          AND kind = ANY(CAST(:kinds AS text[])) RETURNING id),
    unsaid AS (
        UPDATE messages m SET deleted_at = :now WHERE m.bot_id = :bot_id AND m.id IN (SELECT id FROM dropped))
    SELECT count(*) FROM dropped""")
_GET = text("SELECT * FROM outbox WHERE bot_id = :bot_id AND id = :id")
_PAGE = text("SELECT * FROM outbox WHERE bot_id = :bot_id AND position > :after ORDER BY position LIMIT :limit")


class Outbox:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def next(self, bot_id: str, now: datetime, limit: int = 10) -> Sequence[OutboxRow]:
        """The head row of each chat that may be sent now, longest decided first.

        Rows in state `sending` come too: an earlier attempt may have reached Telegram; the same row again settles it.
        """
        rows = await self._connection.all(_NEXT, bot_id=bot_id, now=now, limit=limit)
        return [_outbox(row, self._connection.texts) for row in rows]

    async def take_head(self, bot_id: str, chat_id: int, now: datetime) -> OutboxRow | None:
        """The chat's next row to send, if any is ready; marked as being sent at once when nothing is to be waited for.

        The marked row is to be committed before the send. A row in state `sending` comes as it is.
        """
        row = await self._connection.first(_TAKE_HEAD, bot_id=bot_id, chat_id=chat_id, now=now)
        return None if row is None else _outbox(row, self._connection.texts)

    async def next_at(self, bot_id: str) -> datetime | None:
        """When the next head row may be sent; may lie in the past; None: nothing to send."""
        at = await self._connection.value(_NEXT_AT, bot_id=bot_id)
        return at if isinstance(at, datetime) else None

    async def get(self, bot_id: str, outbox_id: UUID) -> OutboxRow | None:
        row = await self._connection.first(_GET, bot_id=bot_id, id=outbox_id)
        return None if row is None else _outbox(row, self._connection.texts)

    async def page(self, bot_id: str, *, after: int = 0, limit: int = 100) -> Sequence[OutboxRow]:
        """Rows in any state, in the order of decision, from behind position ``after``: for people and reports."""
        rows = await self._connection.all(_PAGE, bot_id=bot_id, after=after, limit=limit)
        return [_outbox(row, self._connection.texts) for row in rows]

    async def mark_sending(self, bot_id: str, outbox_id: UUID, now: datetime) -> bool:
        """Commit this before the send. False: do not send, the row was sent, cancelled or failed meanwhile."""
        return await self._connection.first(_MARK_SENDING, bot_id=bot_id, id=outbox_id, now=now) is not None

    async def mark_sent(self, bot_id: str, outbox_id: UUID, telegram_id: int | None, now: datetime) -> None:
        """It is with Telegram (None: a refused duplicate, so its id is not known). Repeats are harmless.

        A disclosure sets the contact's ``disclosed_at`` here. Writes MessageSent, and ContactDisclosed the first time.
        """
        await self._connection.all(
            _MARK_SENT,
            bot_id=bot_id,
            id=outbox_id,
            telegram_id=telegram_id,
            now=now,
            sent_event=new_id(),
            told_event=new_id(),
            source=self._connection.principal.source,
        )

    async def mark_failed(self, bot_id: str, outbox_id: UUID, error: str, now: datetime) -> None:
        """It can never be sent. The later parts of its turn are cancelled: half an answer would be worse than none."""
        await self._connection.all(_MARK_FAILED, bot_id=bot_id, id=outbox_id, error=error, now=now)

    async def reschedule(
        self, bot_id: str, outbox_id: UUID, not_before: datetime, *, error: str = "", maybe_sent: bool = True
    ) -> None:
        """Try again then; the rest of its chat waits. ``maybe_sent`` False: Telegram surely refused it."""
        await self._connection.all(
            _RESCHEDULE, bot_id=bot_id, id=outbox_id, not_before=not_before, error=error or None, maybe_sent=maybe_sent
        )

    async def cancel_pending(self, bot_id: str, chat_id: int, kinds: Sequence[OutboxKind] = tuple(OutboxKind)) -> int:
        """Cancel what no attempt was made for, and give the count. What is being sent goes out all the same."""
        cancelled = await self._connection.value(
            _CANCEL, bot_id=bot_id, chat_id=chat_id, kinds=list(kinds), now=self._connection.clock.now()
        )
        return int(cancelled or 0)


def _outbox(row: Row[Any], texts: Texts) -> OutboxRow:
    return OutboxRow(
        id=row.id,
        bot_id=row.bot_id,
        chat_id=row.chat_id,
        turn_id=row.turn_id,
        part=row.part,
        position=row.position,
        kind=OutboxKind(row.kind),
        text=texts.read(text_field(row.id), row.text, row.text_sealed),
        random_id=row.random_id,
        state=OutboxState(row.state),
        merge_wait_ms=row.merge_wait_ms,
        read_wait_ms=row.read_wait_ms,
        typing_ms=row.typing_ms,
        attempts=row.attempts,
        first_attempt_at=row.first_attempt_at,
        not_before=row.not_before,
        telegram_id=row.telegram_id,
        sent_at=row.sent_at,
        error=row.error,
        created_at=row.created_at,
        answers=row.answers,
    )
