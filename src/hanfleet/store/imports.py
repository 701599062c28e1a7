"""What an import of the old bot's data wrote, and taking exactly that back. For the owner role alone.

Each repeated step finds what an earlier run brought and adds only what is missing. Imported messages are told apart by
their ids, which are below every living one's (see the migration). Longer than other modules: each statement that brings
something stands beside the one that finds it again and the one that takes it back, and is wrong without them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from hanfleet.store.bounds import MOST_PROFILE_BYTES
from hanfleet.store.connection import Connection, as_json
from hanfleet.store.imported import ImportedContact, ImportedConversation, ImportedMessage, Mark
from hanfleet.store.texts import text_field

#: Every imported message's id is below this one.
_BOUND = UUID("00000000-0001-0000-0000-000000000000")
#: A bound on what one statement takes: each has a time-out.
_COPIED_AT_ONCE = 10_000
_MESSAGE_COLUMNS = (
    "bot_id", "id", "chat_id", "direction", "author", "text", "text_sealed", "media", "sent_at", "created_at",
)  # fmt: skip

# The foreign key is looked up once for each message, and planning that look anew takes longer than looking.
_PLAN_ONCE = text("SET LOCAL plan_cache_mode = force_generic_plan")
_BEGIN = text("INSERT INTO imports (id, bot_id, made_bot, started_at) VALUES (:id, :bot_id, :made_bot, :now)")
_FINISH = text("UPDATE imports SET counts = CAST(:counts AS jsonb), kept = CAST(:kept AS jsonb) WHERE id = :id")
_KEPT = text("SELECT kept FROM imports WHERE bot_id = :bot_id ORDER BY started_at")
_MARK = text("""
    INSERT INTO imported (bot_id, import_id, kind, chat_id, brought)
    SELECT :bot_id, :import_id, kind, chat_id, CAST(brought AS jsonb)
    FROM unnest(CAST(:kinds AS text[]), CAST(:chat_ids AS bigint[]), CAST(:brought AS text[]))
        AS mark (kind, chat_id, brought)""")
_MARKS = text("""
    SELECT i.kind, i.chat_id, i.brought FROM imported i JOIN imports m ON m.id = i.import_id
    WHERE i.bot_id = :bot_id ORDER BY m.started_at DESC, i.kind, i.chat_id""")
_BROUGHT = text("""
    SELECT i.brought FROM imported i JOIN imports m ON m.id = i.import_id
    WHERE i.bot_id = :bot_id AND i.kind = :kind AND i.chat_id = :chat_id ORDER BY m.started_at, m.id""")
_ADD_CONTACTS = text("""
    INSERT INTO user_profiles (bot_id, id, chat_id, name, profile_data, message_count, last_activity, created_at)
    SELECT :bot_id, id, chat_id, name, CAST(data AS jsonb), message_count, last_activity, created_at
    FROM unnest(CAST(:id AS uuid[]), CAST(:chat_id AS bigint[]), CAST(:name AS text[]), CAST(:data AS text[]),
                CAST(:message_count AS bigint[]), CAST(:last_activity AS timestamptz[]),
                CAST(:created_at AS timestamptz[]))
        AS contact (id, chat_id, name, data, message_count, last_activity, created_at)
    ON CONFLICT (bot_id, chat_id) DO NOTHING RETURNING chat_id""")
_ADD_FACTS = text("""
    UPDATE user_profiles SET profile_data = CAST(:data AS jsonb)
    WHERE bot_id = :bot_id AND chat_id = :chat_id
      AND octet_length(CAST(CAST(:data AS jsonb) AS text)) <= :most RETURNING id""")
_STORED_FACTS = text("SELECT profile_data FROM user_profiles WHERE bot_id = :bot_id AND chat_id = :chat_id")
_LOCKED_FACTS = text("SELECT profile_data FROM user_profiles WHERE bot_id = :bot_id AND chat_id = :chat_id FOR UPDATE")
_ADD_CONVERSATIONS = text("""
    INSERT INTO conversations (bot_id, id, chat_id, response_id, timestamp)
    SELECT :bot_id, id, chat_id, response_id, timestamp
    FROM unnest(CAST(:id AS uuid[]), CAST(:chat_id AS bigint[]), CAST(:response_id AS text[]),
                CAST(:timestamp AS timestamptz[])) AS talk (id, chat_id, response_id, timestamp)
    ON CONFLICT (bot_id, chat_id) DO NOTHING RETURNING chat_id""")
_REFRESH_CONTACT = text("""
    UPDATE user_profiles SET name = :name, profile_data = CAST(:data AS jsonb), message_count = :message_count,
        last_activity = :last_activity
    WHERE bot_id = :bot_id AND chat_id = :chat_id AND name = :old_name
      AND profile_data = CAST(:old_data AS jsonb) AND message_count = :old_count
      AND last_activity IS NOT DISTINCT FROM CAST(CAST(:old_activity AS text) AS timestamptz)
    RETURNING id""")
_REFRESH_CONVERSATION = text("""
    UPDATE conversations SET response_id = :response_id, timestamp = greatest(timestamp, :timestamp)
    WHERE bot_id = :bot_id AND chat_id = :chat_id AND newest_inbound = 0
      AND response_id IS NOT DISTINCT FROM CAST(:old AS text) RETURNING id""")
_REMARK = text("""
    UPDATE imported SET brought = CAST(:brought AS jsonb)
    WHERE bot_id = :bot_id AND kind = :kind AND chat_id = :chat_id""")
_IMPORTED_IDS = text("SELECT id FROM messages WHERE bot_id = :bot_id AND chat_id = :chat_id AND id < :bound")
_IMPORTED = text("""
    SELECT id, direction, author, text, text_sealed, media, sent_at, created_at FROM messages
    WHERE bot_id = :bot_id AND chat_id = :chat_id AND id < :bound ORDER BY id""")
_ADD_METRICS = text("""
    INSERT INTO metrics_data (bot_id, name, value, timestamp)
    SELECT DISTINCT CAST(:bot_id AS text), name, value, at
    FROM unnest(CAST(:names AS text[]), CAST(:numbers AS double precision[]), CAST(:times AS timestamptz[]))
        AS given (name, value, at)
    WHERE NOT EXISTS (SELECT 1 FROM metrics_data m
                      WHERE m.bot_id = :bot_id AND m.name = given.name AND m.timestamp = given.at
                        AND m.value = given.value)
    RETURNING 1""")
_METRICS = text("""
    SELECT name, value, timestamp FROM metrics_data WHERE bot_id = :bot_id AND starts_with(name, :prefix)""")
_DROP_METRICS = text("DELETE FROM metrics_data WHERE bot_id = :bot_id AND starts_with(name, :prefix) RETURNING 1")
_DROP_MESSAGES = text("DELETE FROM messages WHERE bot_id = :bot_id AND chat_id = :chat_id AND id < :bound RETURNING 1")
_DROP_CONVERSATION = text("""
    DELETE FROM conversations c WHERE bot_id = :bot_id AND chat_id = :chat_id AND newest_inbound = 0
      AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.bot_id = :bot_id AND m.chat_id = c.chat_id)
      AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.bot_id = :bot_id AND o.chat_id = c.chat_id)
      AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.bot_id = :bot_id AND t.chat_id = c.chat_id) RETURNING id""")
_CLEAR_CONVERSATION = text("""
    UPDATE conversations SET response_id = nullif(response_id, :response_id)
    WHERE bot_id = :bot_id AND chat_id = :chat_id""")
_CONTACT = text("""
    SELECT p.*, EXISTS (SELECT 1 FROM conversations WHERE bot_id = :bot_id AND chat_id = :chat_id)
        OR EXISTS (SELECT 1 FROM facts WHERE bot_id = :bot_id AND chat_id = :chat_id)
        OR EXISTS (SELECT 1 FROM summaries WHERE bot_id = :bot_id AND chat_id = :chat_id)
        OR EXISTS (SELECT 1 FROM schedules WHERE bot_id = :bot_id AND chat_id = :chat_id) AS went_on
    FROM user_profiles p WHERE p.bot_id = :bot_id AND p.chat_id = :chat_id""")
_DROP_CONTACT = text("DELETE FROM user_profiles WHERE bot_id = :bot_id AND chat_id = :chat_id")
_CLEAR_CONTACT = text("""
    UPDATE user_profiles SET name = :name, profile_data = CAST(:data AS jsonb), message_count = :message_count,
        last_activity = :last_activity
    WHERE bot_id = :bot_id AND chat_id = :chat_id""")
_DROP_PEERS = text("""
    DELETE FROM session_entities WHERE bot_id = :bot_id
      AND EXISTS (SELECT 1 FROM sessions WHERE bot_id = :bot_id AND encode(auth_key_sealed, 'hex') = :key)""")
_DROP_SESSION = text("""
    DELETE FROM sessions WHERE bot_id = :bot_id AND encode(auth_key_sealed, 'hex') = :key RETURNING bot_id""")
_MADE_BOT = text("SELECT bool_or(made_bot) FROM imports WHERE bot_id = :bot_id")
_FORGET = text("DELETE FROM imports WHERE bot_id = :bot_id")
# Made by the import, and nothing has become of it since.
_UNTOUCHED = text("""
    SELECT 1 FROM bots b WHERE bot_id = :bot_id AND config_version = 1 AND desired_state = 'stopped'
      AND status = 'configuring' AND restart_generation = 0
      AND NOT EXISTS (SELECT 1 FROM user_profiles WHERE bot_id = :bot_id)
      AND NOT EXISTS (SELECT 1 FROM sessions WHERE bot_id = :bot_id)
      AND NOT EXISTS (SELECT 1 FROM bot_roles WHERE bot_id = :bot_id)
      AND NOT EXISTS (SELECT 1 FROM grants WHERE bot_id = :bot_id)
      AND NOT EXISTS (SELECT 1 FROM webhooks WHERE bot_id = :bot_id)
      AND (SELECT count(*) FROM events WHERE bot_id = :bot_id) = 1""")


class Imports:
    """Needs the owner role: row level security lets no other write to these tables."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin(self, import_id: UUID, bot_id: str, *, made_bot: bool) -> None:
        """Write down that an import has something to bring."""
        now = self._connection.clock.now()
        await self._connection.all(_BEGIN, id=import_id, bot_id=bot_id, made_bot=made_bot, now=now)

    async def finish(self, import_id: UUID, counts: Mapping[str, int], kept: Mapping[str, Any]) -> None:
        """Write down what it came to, and what has no place elsewhere."""
        await self._connection.all(_FINISH, id=import_id, counts=as_json(counts), kept=as_json(kept))

    async def kept(self, bot_id: str) -> list[dict[str, Any]]:
        """What each import kept, the oldest first; empty: there was none."""
        return [row.kept for row in await self._connection.all(_KEPT, bot_id=bot_id)]

    async def mark(self, bot_id: str, import_id: UUID, marks: Sequence[Mark]) -> None:
        """Remember what was brought, for the way back."""
        await self._connection.all(
            _MARK,
            bot_id=bot_id,
            import_id=import_id,
            kinds=[mark.kind for mark in marks],
            chat_ids=[mark.chat_id for mark in marks],
            brought=[as_json(mark.brought) for mark in marks],
        )

    async def marks(self, bot_id: str) -> list[Mark]:
        """All marks of a bot, those of the newest import first."""
        rows = await self._connection.all(_MARKS, bot_id=bot_id)
        return [Mark(row.kind, row.chat_id, row.brought) for row in rows]

    async def brought(self, bot_id: str, kind: str, chat_id: int) -> list[dict[str, Any]]:
        """What imports wrote of one kind and chat, the newest last."""
        rows = await self._connection.all(_BROUGHT, bot_id=bot_id, kind=kind, chat_id=chat_id)
        return [row.brought for row in rows]

    async def add_contacts(self, bot_id: str, contacts: Sequence[ImportedContact]) -> set[int]:
        """Add those whose chats are not known and give these chats; at the others nothing was changed."""
        columns = _columns(contacts, "id", "chat_id", "name", "data", "message_count", "last_activity", "created_at")
        columns["data"] = [as_json(data) for data in columns["data"]]
        return {row.chat_id for row in await self._connection.all(_ADD_CONTACTS, bot_id=bot_id, **columns)}

    async def add_facts(self, bot_id: str, chat_id: int, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """Put what a known contact's profile_data does not have into it, key by key also in objects; gives that.

        None: it does not fit beside what the contact has, and nothing was changed.
        """
        if not _new(data, await self._connection.value(_STORED_FACTS, bot_id=bot_id, chat_id=chat_id)):
            return {}
        # Now that there is something to write, so that nobody else writes between.
        stored = await self._connection.value(_LOCKED_FACTS, bot_id=bot_id, chat_id=chat_id)
        new = _new(data, stored)
        both = {key: {**value, **stored[key]} if key in stored else value for key, value in new.items()}
        values = {"chat_id": chat_id, "data": as_json({**stored, **both}), "most": MOST_PROFILE_BYTES}
        if await self._connection.first(_ADD_FACTS, bot_id=bot_id, **values) is None:
            return None
        return new

    async def add_conversations(self, bot_id: str, conversations: Sequence[ImportedConversation]) -> set[int]:
        """Add those that are not there and give their chats."""
        columns = _columns(conversations, "id", "chat_id", "response_id", "timestamp")
        return {row.chat_id for row in await self._connection.all(_ADD_CONVERSATIONS, bot_id=bot_id, **columns)}

    async def refresh_contact(self, bot_id: str, contact: ImportedContact, old: Mapping[str, Any]) -> bool:
        """Put a newer version in place of what an import brought; False: it was changed since, and stays."""
        refreshed = await self._connection.first(
            _REFRESH_CONTACT,
            bot_id=bot_id,
            chat_id=contact.chat_id,
            name=contact.name,
            data=as_json(contact.data),
            message_count=contact.message_count,
            last_activity=contact.last_activity,
            old_name=old["name"],
            old_data=as_json(old["data"]),
            old_count=old["message_count"],
            old_activity=old["last_activity"],
        )
        return refreshed is not None

    async def refresh_conversation(self, bot_id: str, conversation: ImportedConversation, old: str | None) -> bool:
        """Put the newer response in place of the one that an import brought; False: it was changed since."""
        refreshed = await self._connection.first(
            _REFRESH_CONVERSATION,
            bot_id=bot_id,
            chat_id=conversation.chat_id,
            response_id=conversation.response_id,
            timestamp=conversation.timestamp,
            old=old,
        )
        return refreshed is not None

    async def remark(self, bot_id: str, mark: Mark) -> None:
        """Remember the newer version in place of the one that was brought before."""
        values = {"kind": mark.kind, "chat_id": mark.chat_id, "brought": as_json(mark.brought)}
        await self._connection.all(_REMARK, bot_id=bot_id, **values)

    async def message_ids(self, bot_id: str, chat_id: int) -> set[UUID]:
        """Those of the imported messages of a chat."""
        rows = await self._connection.all(_IMPORTED_IDS, bot_id=bot_id, chat_id=chat_id, bound=_BOUND)
        return {row.id for row in rows}

    async def copy_messages(self, bot_id: str, messages: Sequence[tuple[int, ImportedMessage]]) -> None:
        """Write messages, each with its chat; many at once, for each statement has its price."""
        await self._connection.all(_PLAN_ONCE)
        for start in range(0, len(messages), _COPIED_AT_ONCE):
            # Not a list: the server takes the first rows while the others are made.
            rows = (self._message(bot_id, *one) for one in messages[start : start + _COPIED_AT_ONCE])
            await self._connection.copy("messages", _MESSAGE_COLUMNS, rows)

    async def messages(self, bot_id: str, chat_id: int) -> list[ImportedMessage]:
        """All imported messages of a chat, in order."""
        rows = await self._connection.all(_IMPORTED, bot_id=bot_id, chat_id=chat_id, bound=_BOUND)
        texts = self._connection.texts
        return [
            ImportedMessage(
                row.id,
                row.direction,
                row.author,
                texts.read(text_field(row.id), row.text, row.text_sealed),
                row.media,
                row.sent_at,
                row.created_at,
            )
            for row in rows
        ]

    def _message(self, bot_id: str, chat_id: int, message: ImportedMessage) -> tuple[Any, ...]:
        kept = self._connection.texts.keep(text_field(message.id), message.text)
        sealed = None if kept.sealed is None else bytes.fromhex(kept.sealed)
        m = message
        return (bot_id, m.id, chat_id, m.direction, m.author, kept.clear, sealed, m.media, m.sent_at, m.created_at)

    async def add_metrics(self, bot_id: str, values: Sequence[tuple[str, float, datetime]]) -> int:
        """Add those that are not there yet and say how many those are."""
        names, numbers, times = ([value[column] for value in values] for column in range(3))
        rows = await self._connection.all(_ADD_METRICS, bot_id=bot_id, names=names, numbers=numbers, times=times)
        return len(rows)

    async def metrics(self, bot_id: str, prefix: str) -> set[tuple[str, float, datetime]]:
        """The numbers whose names begin with ``prefix``."""
        rows = await self._connection.all(_METRICS, bot_id=bot_id, prefix=prefix)
        return {(row.name, row.value, row.timestamp) for row in rows}

    async def made_bot(self, bot_id: str) -> bool:
        """Whether an import made the bot."""
        return bool(await self._connection.value(_MADE_BOT, bot_id=bot_id))

    async def drop_messages(self, bot_id: str, chat_id: int) -> int:
        """Delete the imported messages of a chat and say how many those were."""
        return len(await self._connection.all(_DROP_MESSAGES, bot_id=bot_id, chat_id=chat_id, bound=_BOUND))

    async def drop_conversation(self, bot_id: str, chat_id: int, response_id: str | None) -> bool:
        """Delete an imported conversation; False: something came later, so it stays without what was imported."""
        if await self._connection.first(_DROP_CONVERSATION, bot_id=bot_id, chat_id=chat_id) is not None:
            return True
        await self._connection.all(_CLEAR_CONVERSATION, bot_id=bot_id, chat_id=chat_id, response_id=response_id)
        return False

    async def drop_contact(self, bot_id: str, chat_id: int, brought: Mapping[str, Any]) -> bool:
        """Delete an imported contact; False: something came later, so it stays without what was imported."""
        row = await self._connection.first(_CONTACT, bot_id=bot_id, chat_id=chat_id)
        if row is None:
            return True
        if not row.went_on and not (row.disclosed_at or row.opted_out_at or row.paused_at):
            await self._connection.all(_DROP_CONTACT, bot_id=bot_id, chat_id=chat_id)
            return True
        active = None if row.last_activity is None else row.last_activity.isoformat()
        await self._connection.all(
            _CLEAR_CONTACT,
            bot_id=bot_id,
            chat_id=chat_id,
            name="" if row.name == brought.get("name") else row.name,
            data=as_json(without(row.profile_data, brought.get("data", {}))),
            message_count=max(0, row.message_count - int(brought.get("message_count", 0))),
            last_activity=None if active == brought.get("last_activity") else row.last_activity,
        )
        return False

    async def drop_facts(self, bot_id: str, chat_id: int, brought: Mapping[str, Any]) -> None:
        """Take imported facts from a contact that was known before; what was changed since stays."""
        row = await self._connection.first(_CONTACT, bot_id=bot_id, chat_id=chat_id)
        if row is not None:
            await self._connection.all(
                _CLEAR_CONTACT,
                bot_id=bot_id,
                chat_id=chat_id,
                name=row.name,
                data=as_json(without(row.profile_data, brought.get("data", {}))),
                message_count=row.message_count,
                last_activity=row.last_activity,
            )

    async def drop_session(self, bot_id: str, key_hex: str) -> bool:
        """Forget the session with its peers while its key is the imported one; False: it is another."""
        await self._connection.all(_DROP_PEERS, bot_id=bot_id, key=key_hex)
        return await self._connection.first(_DROP_SESSION, bot_id=bot_id, key=key_hex) is not None

    async def drop_metrics(self, bot_id: str, prefix: str) -> int:
        """Delete the numbers whose names begin with ``prefix``."""
        return len(await self._connection.all(_DROP_METRICS, bot_id=bot_id, prefix=prefix))

    async def forget(self, bot_id: str) -> bool:
        """Forget the imports; True: one of them made the bot, and nothing has become of it since."""
        made = await self.made_bot(bot_id)
        await self._connection.all(_FORGET, bot_id=bot_id)
        return made and await self._connection.first(_UNTOUCHED, bot_id=bot_id) is not None


def _columns(rows: Sequence[Any], *names: str) -> dict[str, list[Any]]:
    """The attributes ``names`` of all rows, for `unnest`."""
    return {name: [getattr(row, name) for row in rows] for name in names}


def without(data: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` without what is the same in ``other``; inside objects (snapshots by time) key by key."""
    left: dict[str, Any] = {}
    for key, value in data.items():
        if key not in other:
            left[key] = value
        elif value != other[key] and isinstance(value, dict) and isinstance(other[key], dict):
            if inner := {name: item for name, item in value.items() if other[key].get(name, _MISSING) != item}:
                left[key] = inner
        elif value != other[key]:
            left[key] = value
    return left


def _new(data: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """What of ``data`` has a place beside ``stored``: keys that it does not have, also in objects."""
    new: dict[str, Any] = {}
    for key, value in data.items():
        if key not in stored:
            new[key] = value
        elif isinstance(value, dict) and isinstance(stored[key], dict) and (inner := value.keys() - stored[key].keys()):
            new[key] = {name: item for name, item in value.items() if name in inner}
    return new


_MISSING = object()
