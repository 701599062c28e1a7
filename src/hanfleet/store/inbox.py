"""The inbox: what one pass of the update log brought, and the log's new position, in one transaction (walk 1, step 2).

Idempotent: a message is known by bot, chat and Telegram id, and a repeat changes nothing. Our own messages that come
back are recognised by the outbox; what the outbox does not know the owner typed by hand, and that pauses the AI. Only
of what is older than a restore nobody can say that: see `before_restore`.
"""

# ruff: noqa: S608 - only our own constants are put into statements, never a value

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from hanfleet.core.events import MessageReceived
from hanfleet.core.messages import Author, Direction, InboundMessage, MediaKind, MessageEdit, UpdateBatch, UpdateState
from hanfleet.kit.identity import new_id
from hanfleet.store.before_restore import BeforeRestore
from hanfleet.store.connection import Connection, as_json, storable
from hanfleet.store.contacts import Contacts
from hanfleet.store.outbox import Outbox
from hanfleet.store.records import OutboxKind, Seal, TakenBatch, TakenMessage
from hanfleet.store.telegram_sessions import Sessions
from hanfleet.store.texts import text_field

#: So many times the wait for more; then who goes on writing is answered all the same.
_LONGEST_BURST = 5

_GIVEN = """
    given AS (
        SELECT * FROM jsonb_to_recordset(CAST(:messages AS jsonb)) AS given
            (place integer, id uuid, event_id uuid, contact_id uuid, conversation_id uuid, chat_id bigint,
             telegram_id bigint, text text, text_sealed text, media text, sent_at timestamptz, name text,
             username text, language text, is_bot boolean))"""
_MEET = """
    INSERT INTO user_profiles AS old
        (bot_id, id, chat_id, name, username, language, is_bot, message_count, last_activity, created_at)
    SELECT :bot_id, contact_id, chat_id, name, username, language, is_bot, arrived, latest, :now FROM newest
    ON CONFLICT (bot_id, chat_id) DO UPDATE
    SET name = coalesce(nullif(excluded.name, ''), old.name), username = coalesce(excluded.username, old.username),
        language = coalesce(excluded.language, old.language),
        message_count = old.message_count + excluded.message_count,
        last_activity = greatest(old.last_activity, excluded.last_activity)"""
_TAKE_INBOUND = text(f"""
    WITH {_GIVEN},
    moved AS (
        UPDATE sessions SET pts = :pts, qts = :qts, date = :date, seq = :seq, updated_at = :now
        WHERE bot_id = :bot_id AND CAST(:pts AS bigint) IS NOT NULL),
    fresh AS (
        INSERT INTO messages
            (bot_id, id, chat_id, telegram_id, direction, author, text, text_sealed, media, sent_at, created_at,
             waiting)
        SELECT :bot_id, id, chat_id, telegram_id, '{Direction.IN}', '{Author.CONTACT}', text,
               decode(text_sealed, 'hex'), media, sent_at, :now, true
        FROM given ORDER BY place
        ON CONFLICT (bot_id, chat_id, telegram_id) DO NOTHING RETURNING id, chat_id, telegram_id),
    newest AS (
        SELECT DISTINCT ON (g.chat_id) g.*, count(*) OVER chat AS arrived, max(g.sent_at) OVER chat AS latest
        FROM given g JOIN fresh USING (id) WINDOW chat AS (PARTITION BY g.chat_id) ORDER BY g.chat_id, g.place DESC),
    contact AS ({_MEET}),
    talk AS (
        INSERT INTO conversations AS old (bot_id, id, chat_id, newest_inbound, newest_inbound_at, reply_due_at,
                                          waiting_since, timestamp)
        SELECT :bot_id, conversation_id, chat_id, telegram_id, sent_at, :due, :now, :now FROM newest
        ON CONFLICT (bot_id, chat_id) DO UPDATE
        SET newest_inbound = excluded.newest_inbound, newest_inbound_at = excluded.newest_inbound_at,
            reply_due_at = least(excluded.reply_due_at,
                                 date_bin(:longest_burst, :now, coalesce(old.waiting_since, :now)) + :longest_burst),
            waiting_since = coalesce(old.waiting_since, excluded.waiting_since), timestamp = excluded.timestamp
        RETURNING chat_id, reply_due_at),
    counter AS (
        UPDATE bot_counters SET event_seq = event_seq + (SELECT count(*) FROM fresh)
        WHERE bot_id = :bot_id AND EXISTS (SELECT 1 FROM fresh) RETURNING event_seq),
    told AS (
        INSERT INTO events (id, type, version, source, bot_id, seq, data, correlation_id, timestamp)
        SELECT g.event_id, '{MessageReceived.model_fields["type"].default}', 1, :source, :bot_id,
               counter.event_seq - count(*) OVER () + row_number() OVER (ORDER BY g.place),
               jsonb_build_object('bot_id', CAST(:bot_id AS text), 'chat_id', g.chat_id, 'message_id', g.id),
               g.event_id, :now
        FROM given g JOIN fresh USING (id), counter)
    SELECT id, chat_id, telegram_id, reply_due_at FROM fresh JOIN talk USING (chat_id) ORDER BY id""")
_MEET_OWNERS = text(f"""
    WITH {_GIVEN}, newest AS (SELECT *, 0 AS arrived, CAST(NULL AS timestamptz) AS latest FROM given),
    contact AS ({_MEET}),
    talk AS (
        INSERT INTO conversations (bot_id, id, chat_id, timestamp)
        SELECT :bot_id, conversation_id, chat_id, :now FROM given ON CONFLICT DO NOTHING)
    INSERT INTO messages
        (bot_id, id, chat_id, telegram_id, direction, author, text, text_sealed, media, sent_at, created_at)
    SELECT :bot_id, id, chat_id, telegram_id, '{Direction.OUT}', '{Author.OWNER}', text, decode(text_sealed, 'hex'),
           media, sent_at, :now
    FROM given""")
_KNOWN = text("""
    SELECT 1 FROM messages WHERE bot_id = :bot_id AND chat_id = :chat_id AND telegram_id = :telegram_id""")
# Without an attempt a row cannot have come back.
_TRIED = text("""
    SELECT id, text, text_sealed, state = 'sending' AS under_way FROM outbox
    WHERE bot_id = :bot_id AND chat_id = :chat_id AND attempts > 0 AND telegram_id IS NULL ORDER BY position""")
_NUMBER_OUTBOX = text("UPDATE outbox SET telegram_id = :telegram_id WHERE bot_id = :bot_id AND id = :id")
_NUMBER_MESSAGE = text("UPDATE messages SET telegram_id = :telegram_id WHERE bot_id = :bot_id AND id = :id")
_ECHO = text("""
    SELECT may_be_echo(:sent_at) AND NOT EXISTS (
        SELECT 1 FROM user_profiles WHERE bot_id = :bot_id AND chat_id = :chat_id AND created_at <= :sent_at)""")
_SAID = text("""
    SELECT id, text, text_sealed FROM messages
    WHERE bot_id = :bot_id AND chat_id = :chat_id AND telegram_id = :telegram_id""")
_EDIT = text("""
    UPDATE messages SET text = :text, text_sealed = decode(:sealed, 'hex'), edited_at = :now
    WHERE bot_id = :bot_id AND id = :id""")
_DELETE = text("""
    UPDATE messages SET deleted_at = :now
    WHERE bot_id = :bot_id AND telegram_id = ANY(CAST(:ids AS bigint[])) AND deleted_at IS NULL""")


class Inbox:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._contacts = Contacts(connection)
        self._outbox = Outbox(connection)
        self._sessions = Sessions(connection)
        self._before_restore = BeforeRestore(connection, self._text_of)

    async def take(
        self, bot_id: str, batch: UpdateBatch, now: datetime, wait_for_more_s: float, seal: Seal
    ) -> TakenBatch:
        """Store the batch with its state; after the commit its updates count as taken.

        Each new inbound message moves its conversation's ``reply_due_at`` to ``now + wait_for_more_s``, so a burst is
        answered once (one that does not end, every 5 such waits), and writes MessageReceived. Edits change the stored
        text, deletions mark it.
        """
        inbound = [message for message in batch.messages if not message.outgoing]
        rows = await self._take_inbound(bot_id, inbound, batch.state, now, timedelta(seconds=wait_for_more_s))
        recognised: list[UUID] = []
        taken_over: dict[int, None] = {}
        erased: set[int] = set()
        for message in batch.messages:
            if message.outgoing and not await self._known(bot_id, message):
                ours = await self._recognise(bot_id, message, now)
                older = ours is None and await self._before_restore.covers(bot_id, message.sent_at)
                if older:
                    ours = await self._before_restore.recognise(bot_id, message, now)
                if ours is not None:
                    recognised.append(ours)
                elif older:
                    if not await self._before_restore.keep(bot_id, self._as_row(message, 0), now):
                        erased.add(message.chat_id)
                elif await self._is_echo(bot_id, message):
                    erased.add(message.chat_id)
                else:
                    await self._keep_owners(bot_id, message, now)
                    taken_over[message.chat_id] = None
        for edit in batch.edits:
            await self._edit(bot_id, edit, now)
        deleted = [telegram_id for deletion in batch.deletions for telegram_id in deletion.telegram_ids]
        if deleted:
            await self._connection.all(_DELETE, bot_id=bot_id, ids=deleted, now=now)
        erased -= {row.chat_id for row in rows}
        await self._sessions.save_entities(bot_id, [peer for peer in batch.entities if peer.id not in erased], seal)
        return TakenBatch(fresh=rows, recognised=tuple(recognised), taken_over=tuple(taken_over))

    async def _take_inbound(
        self, bot_id: str, inbound: list[InboundMessage], state: UpdateState | None, now: datetime, wait: timedelta
    ) -> tuple[TakenMessage, ...]:
        if not inbound:
            if state is not None:
                await self._sessions.save_state(bot_id, state)
            return ()
        rows = await self._connection.all(
            _TAKE_INBOUND,
            bot_id=bot_id,
            messages=as_json([self._as_row(message, place) for place, message in enumerate(inbound)]),
            pts=None if state is None else state.pts,
            qts=None if state is None else state.qts,
            date=None if state is None else state.date,
            seq=None if state is None else state.seq,
            now=now,
            due=now + wait,
            longest_burst=max(wait * _LONGEST_BURST, timedelta(seconds=1)),
            source=self._connection.principal.source,
        )
        return tuple(TakenMessage(row.id, row.chat_id, row.telegram_id, row.reply_due_at) for row in rows)

    async def _known(self, bot_id: str, message: InboundMessage) -> bool:
        found = await self._connection.first(
            _KNOWN, bot_id=bot_id, chat_id=message.chat_id, telegram_id=message.telegram_id
        )
        return found is not None

    async def _recognise(self, bot_id: str, message: InboundMessage, now: datetime) -> UUID | None:
        """The outbox row that came back, if any: the first with this text; else the one that is being sent, for
        Telegram may have changed its text.
        """
        tried = await self._connection.all(_TRIED, bot_id=bot_id, chat_id=message.chat_id)
        said = storable(message.text)
        same = next((row for row in tried if self._text_of(row) == said), None)
        row = same or next((row for row in tried if row.under_way), None)
        if row is None:
            return None
        outbox_id: UUID = row.id
        if same is not None:
            await self._outbox.mark_sent(bot_id, outbox_id, message.telegram_id, now)
        else:
            # Not proof enough that the row went out: it is sent again with its random_id, which settles it.
            for statement in (_NUMBER_OUTBOX, _NUMBER_MESSAGE):
                await self._connection.all(statement, bot_id=bot_id, id=outbox_id, telegram_id=message.telegram_id)
        return outbox_id

    async def _is_echo(self, bot_id: str, message: InboundMessage) -> bool:
        """Whether it is what we wrote to a contact who was erased since, and met again later at most."""
        return bool(
            await self._connection.value(_ECHO, bot_id=bot_id, chat_id=message.chat_id, sent_at=message.sent_at)
        )

    async def _keep_owners(self, bot_id: str, message: InboundMessage, now: datetime) -> None:
        await self._connection.all(_MEET_OWNERS, bot_id=bot_id, messages=as_json([self._as_row(message, 0)]), now=now)
        await self._contacts.set_paused(bot_id, message.chat_id, now)
        await self._outbox.cancel_pending(bot_id, message.chat_id, kinds=(OutboxKind.DISCLOSURE,))

    async def _edit(self, bot_id: str, edit: MessageEdit, now: datetime) -> None:
        """Telegram tells of an edit also when the text is as it was."""
        place = {"chat_id": edit.chat_id, "telegram_id": edit.telegram_id}
        row = await self._connection.first(_SAID, bot_id=bot_id, **place)
        if row is not None and self._text_of(row) != storable(edit.text):
            kept = self._connection.texts.keep(text_field(row.id), edit.text)
            await self._connection.all(_EDIT, bot_id=bot_id, id=row.id, text=kept.clear, sealed=kept.sealed, now=now)

    def _text_of(self, row: Row[Any]) -> str:
        return self._connection.texts.read(text_field(row.id), row.text, row.text_sealed)

    def _as_row(self, message: InboundMessage, place: int) -> dict[str, Any]:
        person, message_id = message.person, new_id()
        kept = self._connection.texts.keep(text_field(message_id), message.text)
        return {
            "place": place,
            "id": message_id,
            "event_id": new_id(),
            "contact_id": new_id(),
            "conversation_id": new_id(),
            "chat_id": message.chat_id,
            "telegram_id": message.telegram_id,
            "text": kept.clear,
            "text_sealed": kept.sealed,
            "media": MediaKind(message.media),
            "sent_at": message.sent_at,
            "name": storable(person.name),
            "username": person.username,
            "language": person.language,
            "is_bot": person.is_bot,
        }
