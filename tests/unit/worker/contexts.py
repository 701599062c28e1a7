"""Turn contexts for tests, as the store would load them."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hanfleet.core.config import BotConfig
from hanfleet.core.messages import Author, Direction, MediaKind
from hanfleet.store.records import ContactRow, ConversationRow, MessageRow, TurnContext

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def config(**changes: Any) -> BotConfig:
    plain = {
        "bot_id": "mia",
        "name": "Mia",
        "telegram_api_id": 1,
        "telegram_api_hash": "0123456789",
        "telegram_bot_token": "123:0123456789",
        **changes,
    }
    return BotConfig.model_validate(plain)


def message(text: str, telegram_id: int = 1, **changes: Any) -> MessageRow:
    row = MessageRow(
        id=uuid.uuid4(),
        bot_id="mia",
        chat_id=7,
        telegram_id=telegram_id,
        direction=Direction.IN,
        author=Author.CONTACT,
        text=text,
        media=MediaKind.NONE,
        sent_at=NOW,
        created_at=NOW,
        edited_at=None,
        deleted_at=None,
        outbox_id=None,
        turn_id=None,
    )
    return replace(row, **changes)


def ours(text: str, telegram_id: int = 1, author: Author = Author.BOT) -> MessageRow:
    return message(text, telegram_id, direction=Direction.OUT, author=author)


def context(*fresh: MessageRow | str, history: tuple[MessageRow, ...] = (), **contact: Any) -> TurnContext:
    rows = tuple(message(one, at + 10) if isinstance(one, str) else one for at, one in enumerate(fresh))
    person = ContactRow(
        id=uuid.uuid4(),
        bot_id="mia",
        chat_id=7,
        name="Ann",
        username=None,
        language=None,
        is_bot=False,
        profile_data={},
        disclosed_at=NOW - timedelta(days=1),
        opted_out_at=None,
        paused_at=None,
        message_count=1,
        last_activity=NOW,
        created_at=NOW,
    )
    newest = max((row.telegram_id or 0 for row in rows), default=0)
    conversation = ConversationRow(
        id=uuid.uuid4(),
        bot_id="mia",
        chat_id=7,
        newest_inbound=newest,
        newest_inbound_at=NOW,
        answered_through=0,
        reply_due_at=NOW,
        waiting_since=NOW,
        response_id="resp_1",
        timestamp=NOW,
    )
    return TurnContext(replace(person, **contact), conversation, rows, history, newest, disclosure_pending=False)
