"""All that is held about one contact, as one document for that person: every row of every table, opened.

Made in pieces, for it may be more than memory holds. Refuses to give out what is not about the person: keys of the
session, sealed values as they are.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from hanfleet.store.facts import fact_field
from hanfleet.store.records import BotRow, Open
from hanfleet.store.session import Transaction
from hanfleet.store.summaries import summary_field
from hanfleet.store.texts import text_field

FORMAT, VERSION = "hanfleet contact", 1
_ONE_EACH = {"user_profiles": "contact", "conversations": "conversation", "session_entities": "telegram"}
#: Texts that may lie sealed in a column beside their own, and the field that they are sealed for.
_TEXTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "text": lambda row: text_field(row["id"]),
    "fact": lambda row: fact_field(row["chat_id"], row["topic"]),
    "summary": lambda row: summary_field(row["id"]),
}


async def export_document(
    tx: Transaction, bot: BotRow, chat_id: int, open_: Open, kept: Sequence[Any]
) -> AsyncIterator[str]:
    """The document in JSON, piece by piece, a row a line; nothing when nothing is held. ``kept``: by imports."""
    head = {"format": FORMAT, "version": VERSION, "bot": {"bot_id": bot.bot_id, "name": bot.name}, "chat_id": chat_id}
    waiting = _json(head).removesuffix("}")
    found = bool(kept)
    async for table, pages in tx.erasures.held(bot.bot_id, chat_id):
        one = _ONE_EACH.get(table)
        waiting += f",\n{_json(one or table)}: "
        before, after = ("", "null") if one else ("[\n", "[]")
        async for rows in pages:
            yield waiting + before + ",\n".join(_json(_opened(table, row, open_)) for row in rows)
            found, waiting = True, ""
            before, after = ",\n", "" if one else "\n]"
        waiting += after
    if found:
        yield f'{waiting},\n"kept_by_imports": {_json(kept)}}}\n'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _opened(table: str, row: Mapping[str, Any], open_: Open) -> dict[str, Any]:
    if table == "session_entities":
        phone = row["phone_sealed"]
        opened = None if phone is None else open_(f"phone:{row['entity_id']}", _bytes(phone)).decode()
        return {"name": row["name"], "username": row["username"], "phone": opened}
    told = dict(row)
    for column, field_of in _TEXTS.items():
        sealed = told.pop(f"{column}_sealed", None)
        if sealed is not None:
            told[column] = open_(field_of(row), _bytes(sealed)).decode()
    return told


def _bytes(hex_: str) -> bytes:
    """A bytea as PostgreSQL writes it into JSON."""
    return bytes.fromhex(hex_.removeprefix("\\x"))
