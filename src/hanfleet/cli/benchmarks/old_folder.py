"""An old bot's folder as it might have grown over months, for `hanfleet bench import`: nothing in it is odd.

Files look as the old bot wrote them, indented and all. Nothing is random, so two runs import the same.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MESSAGES_A_CHAT = 200
#: The old bot copied a chat's newest messages aside each day; the log still has them.
_BACKED_UP = 20
_BEGAN = datetime(2025, 1, 1, 8, 0, tzinfo=UTC)
_FIRST_CHAT = 100_000_000
_PHRASES = (
    "Привет!", "Как прошёл твой день?", "Ну такое, устала ужасно 😅", "А я сегодня гуляла по набережной",
    "что читаешь сейчас?", "Sounds great!", "haha yes, exactly like last time", "Расскажи что-нибудь про себя",
    "мы с сестрой ездили на озеро, вода холодная, но всё равно купались", "let me think about it", "👍", "не знаю…",
    "I went to the lake and it rained, but we stayed until the evening was over", "Завтра рано вставать, напишу потом",
)  # fmt: skip


def write_old_folder(folder: Path, messages: int) -> int:
    """Write ``messages`` in all, ``MESSAGES_A_CHAT`` to a chat, and everybody's profile; gives how many chats."""
    chats = -(-messages // MESSAGES_A_CHAT)
    for name in ("conversations", "girls_data", "backups"):
        (folder / name).mkdir()
    for chat in range(chats):
        chat_id = _FIRST_CHAT + 7 * chat
        log = list(_log(chat, min(MESSAGES_A_CHAT, messages - chat * MESSAGES_A_CHAT)))
        _write(folder / f"conversations/{chat_id}.json", log)
        _write(folder / f"girls_data/{chat_id}.json", _profile(chat, chat_id, log))
        newest = log[-_BACKED_UP:]
        day = newest[-1]["ts"][:10]
        (folder / f"backups/{chat_id}").mkdir()
        backup = {"date": day, "chat_id": chat_id, "name": _name(chat), "messages": newest}
        _write(folder / f"backups/{chat_id}/{day}.json", backup)
    return chats


def _log(chat: int, count: int) -> Iterator[dict[str, Any]]:
    for place in range(count):
        at = _BEGAN + timedelta(minutes=17 * place + chat, microseconds=(place * 7919 + chat) % 1_000_000)
        first = place * 5 + chat
        # Mostly one phrase, now and then a whole story.
        phrases = 1 + (place % 5 == 0) + 6 * (place % 23 == 0)
        text = " ".join(_PHRASES[(first + step) % len(_PHRASES)] for step in range(phrases))
        yield {"ts": _stamp(at), "direction": "out" if place % 2 else "in", "text": f"{text} {place}"}


def _profile(chat: int, chat_id: int, log: list[dict[str, Any]]) -> dict[str, Any]:
    said = "\n".join(one["text"] for one in log[-10:])
    return {
        "chat_id": chat_id,
        "name": _name(chat),
        "last_activity": log[-1]["ts"],
        "message_count": sum(one["direction"] == "in" for one in log),
        "summary": {"20250601104112": said},
        "profile": {"20250601104112": {"interests": "озеро, книги", "notes": said}},
        "previous_response_id": f"resp_{chat_id:032x}",
    }


def _name(chat: int) -> str:
    return f"{('Айгуль', 'Anna', 'Zoë', 'Марина')[chat % 4]} {chat}"


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2), encoding="utf-8")
