"""All that is held about one contact, as one document for that person: every row of every table, opened.

Refuses to give out what is not about the person: keys of the session, sealed values as they are.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hanfleet.control.erasure.keeping import kept_of_chat
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
_IN_ORDER = ("created_at", "timestamp", "id")


async def export_document(tx: Transaction, bot: BotRow, chat_id: int, open_: Open) -> dict[str, Any] | None:
    """The document; None when nothing is held."""
    held = await tx.erasures.held(bot.bot_id, chat_id)
    kept = await kept_of_chat(tx, bot.bot_id, chat_id)
    if not kept and not any(held.values()):
        return None
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "bot": {"bot_id": bot.bot_id, "name": bot.name},
        "chat_id": chat_id,
    }
    for table, rows in held.items():
        opened = [_opened(table, row, open_) for row in _sorted(rows)]
        if table in _ONE_EACH:
            document[_ONE_EACH[table]] = opened[0] if opened else None
        else:
            document[table] = opened
    return {**document, "kept_by_imports": kept}


def _sorted(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """In the order in which they came to be. Ids of messages are the order of the talk."""
    columns = rows[0].keys() if rows else ()
    by = next((column for column in ("seq", "position") if column in columns), "id" if "direction" in columns else None)
    return sorted(rows, key=lambda row: [row[by]] if by else [str(row.get(column)) for column in _IN_ORDER])


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
