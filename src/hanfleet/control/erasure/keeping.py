"""What imports of the old bot's data kept beside the rows: unknown fields and odd values, by file, in one document.

A number names a contact only where a file's name, a key or an id-like field says so: a count may be any number. Refuses
to leave half of a record that names the contact, and to touch the bot's own parts.
"""

import re
from typing import Any

from hanfleet.store.session import Transaction

#: Parts of the document that are about the bot and about nobody else.
_OF_THE_BOT = ("metrics", "topics")

_WHO = "chat|user|contact|person|peer|girl|telegram|tg"
# Of a field's name the letters alone, in lower case: chat_id, chatId and "Chat ID" are one.
_ONE = re.compile(f"(?:.*(?:{_WHO}))?u?id|{_WHO}")
_MANY = re.compile(f"(?:.*(?:{_WHO}))?u?ids|.*(?:{_WHO})s")
_NO_LETTER = re.compile("[^a-z]")


async def forget_kept(tx: Transaction, bot_id: str, chat_id: int) -> int:
    """Take the contact out of everything kept; gives from how many imports something went."""
    changed = 0
    for import_id, kept in await tx.erasures.kept(bot_id):
        left = without_chat(kept, chat_id)
        if left != kept:
            await tx.erasures.set_kept(import_id, left)
            changed += 1
    return changed


async def kept_of_chat(tx: Transaction, bot_id: str, chat_id: int) -> list[Any]:
    """What is kept about the contact: what `forget_kept` would take out."""
    return [part for _, kept in await tx.erasures.kept(bot_id) for part in parts_of_chat(kept, chat_id)]


def without_chat(kept: dict[str, Any], chat_id: int) -> dict[str, Any]:
    """``kept`` without what names the chat: what lies below its key or file, its number, and records that hold it."""
    chat = _Chat(chat_id)
    left = {part: value if part in _OF_THE_BOT else _without(value, part, chat) for part, value in kept.items()}
    return {part: value for part, value in left.items() if value is not _GONE}


def parts_of_chat(kept: dict[str, Any], chat_id: int) -> list[Any]:
    """What `without_chat` leaves out."""
    chat = _Chat(chat_id)
    return [found for part, value in kept.items() if part not in _OF_THE_BOT for found in _parts(value, part, chat)]


_GONE = object()


class _Chat:
    """Knows where one chat is named."""

    def __init__(self, chat_id: int) -> None:
        self._number = str(chat_id)
        # A folder or file of that name, also one moved aside; neither a day (2025-06-01) nor a fraction.
        self._path = re.compile(rf"(?:^|/){self._number}(?![0-9]|\.[0-9]|-[0-9]{{2}}-[0-9]{{2}})")
        # A key that stood twice carries a suffix (~2).
        self._key = re.compile(rf"(?:.*(?:{_WHO}|id)[ _:#]*)?{self._number}(?:~.*)?", re.IGNORECASE | re.DOTALL)

    def names(self, key: str) -> bool:
        """Whether what lies below ``key``, a file's name or a field's, is this chat's."""
        if "/" in key or "." in key:
            return self._path.search(key) is not None
        return self._key.fullmatch(key) is not None

    def is_in(self, record: dict[str, Any]) -> bool:
        """Whether a field of the record says that it is about this chat."""
        return any(self._is(value) and _ONE.fullmatch(_letters(field)) for field, value in record.items())

    def is_item(self, item: Any, of: str) -> bool:
        """Whether ``item`` of a list in the field ``of`` is this chat's number."""
        return self._is(item) and _MANY.fullmatch(_letters(of)) is not None

    def _is(self, value: Any) -> bool:
        return isinstance(value, str | int) and str(value).strip() == self._number


def _letters(field: str) -> str:
    return _NO_LETTER.sub("", field.lower())


def _without(value: Any, field: str, chat: _Chat) -> Any:
    if isinstance(value, dict):
        if chat.is_in(value):
            return _GONE
        left = {key: _without(inner, key, chat) for key, inner in value.items() if not chat.names(key)}
        return {key: inner for key, inner in left.items() if inner is not _GONE}
    if isinstance(value, list):
        left_items = (_without(item, field, chat) for item in value if not chat.is_item(item, field))
        return [item for item in left_items if item is not _GONE]
    return value


def _parts(value: Any, field: str, chat: _Chat) -> list[Any]:
    if isinstance(value, dict):
        if chat.is_in(value):
            return [value]
        return [
            part
            for key, inner in value.items()
            for part in ([{key: inner}] if chat.names(key) else _parts(inner, key, chat))
        ]
    if isinstance(value, list):
        return [part for item in value for part in ([item] if chat.is_item(item, field) else _parts(item, field, chat))]
    return []
