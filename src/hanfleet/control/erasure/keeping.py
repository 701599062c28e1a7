"""What imports of the old bot's data kept beside the rows: unknown fields and odd values, by file, in one document.

Taking a contact out of it goes by the number alone, since nothing else in there is known to be about anybody. Refuses
to leave half of a record that names the contact.
"""

import re
from typing import Any

from hanfleet.store.session import Transaction


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
    return [part for _, kept in await tx.erasures.kept(bot_id) for part in _parts(kept, _names(chat_id))]


def without_chat(kept: dict[str, Any], chat_id: int) -> dict[str, Any]:
    """``kept`` without what names the chat: keys (file names), values, and records that hold the number."""
    left = _without(kept, _names(chat_id))
    return left if isinstance(left, dict) else {}


_GONE = object()


def _names(chat_id: int) -> re.Pattern[str]:
    return re.compile(rf"(?<![0-9]){re.escape(str(chat_id))}(?![0-9])")


def _without(value: Any, names: re.Pattern[str]) -> Any:
    if _is_named(value, names):
        return _GONE
    if isinstance(value, dict):
        left = {key: _without(inner, names) for key, inner in value.items() if not names.search(key)}
        return {key: inner for key, inner in left.items() if inner is not _GONE}
    if isinstance(value, list):
        return [inner for inner in (_without(item, names) for item in value) if inner is not _GONE]
    return value


def _parts(value: Any, names: re.Pattern[str]) -> list[Any]:
    if _is_named(value, names):
        return [value]
    if isinstance(value, dict):
        return [
            part
            for key, inner in value.items()
            for part in ([{key: inner}] if names.search(key) else _parts(inner, names))
        ]
    if isinstance(value, list):
        return [part for item in value for part in _parts(item, names)]
    return []


def _is_named(value: Any, names: re.Pattern[str]) -> bool:
    """A scalar that names the chat, or a record with such a scalar in it."""
    if isinstance(value, dict):
        return any(_is_named(inner, names) for inner in value.values() if not isinstance(inner, dict | list))
    if isinstance(value, list):
        return False
    return isinstance(value, str | int) and names.search(str(value)) is not None
