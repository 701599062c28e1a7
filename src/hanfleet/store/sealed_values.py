"""Every place where a bot's sealed values lie, and sealing them anew, some rows at a time. For the owner role alone.

Rows that somebody else is changing are passed over, so nobody waits for this and this waits for nobody; whoever walks
comes again. Refuses to know keys: what to do with a value comes in as a callable.
"""

# ruff: noqa: S608 - only our own constants are put into statements, never a value

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, TextClause, text

from hanfleet.store.connection import Connection, as_json
from hanfleet.store.facts import fact_field
from hanfleet.store.summaries import summary_field
from hanfleet.store.texts import text_field


@dataclass(frozen=True)
class Place:
    """One sealed column. ``key``: (column, type) of what tells a bot's rows apart; ``clear``: the unsealed column."""

    table: str
    sealed: str
    key: tuple[tuple[str, str], ...]
    field: Callable[[Any], str] = dataclasses.field(repr=False)
    clear: str | None = None

    @property
    def name(self) -> str:
        return f"{self.table}.{self.sealed}"


PLACES = (
    Place("secrets", "sealed", (("name", "text"),), lambda row: str(row.name)),
    Place("sessions", "auth_key_sealed", (("bot_id", "text"),), lambda _row: "auth_key"),
    Place("session_entities", "access_hash_sealed", (("entity_id", "bigint"),),
          lambda row: f"access_hash:{row.entity_id}"),
    Place("session_entities", "phone_sealed", (("entity_id", "bigint"),), lambda row: f"phone:{row.entity_id}"),
    Place("messages", "text_sealed", (("id", "uuid"),), lambda row: text_field(row.id), "text"),
    Place("outbox", "text_sealed", (("id", "uuid"),), lambda row: text_field(row.id), "text"),
    Place("facts", "fact_sealed", (("chat_id", "bigint"), ("topic", "text")),
          lambda row: fact_field(row.chat_id, row.topic), "fact"),
    Place("summaries", "summary_sealed", (("chat_id", "bigint"), ("id", "uuid")),
          lambda row: summary_field(row.id), "summary"),
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """How values shall be: under the key with this ``prefix``, and texts sealed or in clear."""

    prefix: bytes = dataclasses.field(repr=False)
    seal_texts: bool


@dataclass(frozen=True)
class SealedRow:
    """A value that is not yet as wanted; ``key`` finds its row again. One of ``sealed`` and ``clear`` is given."""

    key: tuple[Any, ...]
    field: str
    sealed: bytes | None = dataclasses.field(repr=False)
    clear: str = dataclasses.field(default="", repr=False)


class SealedValues:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def stale(
        self, bot_id: str, place: Place, wanted: Wanted, *, after: tuple[Any, ...] | None = None, limit: int = 500
    ) -> list[SealedRow]:
        """The next values behind ``after`` that are not as wanted, held until the transaction ends."""
        behind = {f"after_{at}": value for at, value in enumerate(after or ())}
        rows = await self._connection.all(
            _stale(place, wanted.seal_texts, first=after is None),
            bot_id=bot_id,
            prefix=wanted.prefix,
            limit=limit,
            **behind,
        )
        return [_row(place, row) for row in rows]

    async def put(self, bot_id: str, place: Place, rows: Sequence[SealedRow]) -> None:
        """Store ``rows``, which `stale` gave in this transaction, as they are now."""
        given = [
            {name: value for (name, _), value in zip(place.key, row.key, strict=True)}
            | {"new_sealed": row.sealed.hex() if row.sealed is not None else None, "new_clear": row.clear}
            for row in rows
        ]
        await self._connection.all(_put(place), bot_id=bot_id, rows=as_json(given))

    async def session_was_resealed(self, bot_id: str, before: bytes, after: bytes) -> None:
        """An import knows the session that it brought by its sealed key, for the way back."""
        await self._connection.all(_REMARK_SESSION, bot_id=bot_id, before=before.hex(), after=after.hex())

    async def named(self, bot_id: str, place: Place, prefix: bytes) -> tuple[int, int]:
        """How many values the key with this prefix sealed, and how many others did (or nobody knows which)."""
        row = await self._connection.first(_count(place), bot_id=bot_id, prefix=prefix)
        assert row is not None
        return int(row.current), int(row.other)


_REMARK_SESSION = text("""
    UPDATE imported SET brought = jsonb_set(brought, '{key}', to_jsonb(CAST(:after AS text)))
    WHERE bot_id = :bot_id AND kind = 'session' AND brought ->> 'key' = :before""")


def _stale(place: Place, seal_texts: bool, *, first: bool) -> TextClause:
    keys = ", ".join(name for name, _ in place.key)
    old = f"substring({place.sealed} FROM 1 FOR 5) <> CAST(:prefix AS bytea)"
    if place.clear is None:
        wrong = f"{place.sealed} IS NOT NULL AND {old}"
    elif seal_texts:
        wrong = f"CASE WHEN {place.sealed} IS NULL THEN {place.clear} <> '' ELSE {old} END"
    else:
        # The prefix is of no account, but a statement takes all its parameters.
        wrong = f"{place.sealed} IS NOT NULL AND CAST(:prefix AS bytea) IS NOT NULL"
    behind = ", ".join(f"CAST(:after_{at} AS {kind})" for at, (_, kind) in enumerate(place.key))
    return text(f"""
        SELECT {keys}, {place.sealed} AS now_sealed, {place.clear or "''"} AS now_clear FROM {place.table}
        WHERE bot_id = :bot_id AND {wrong} {"" if first else f"AND ({keys}) > ({behind})"}
        ORDER BY {keys} LIMIT :limit FOR UPDATE SKIP LOCKED""")


def _put(place: Place) -> TextClause:
    columns = ", ".join(f"{name} {kind}" for name, kind in place.key)
    same = " AND ".join(f"t.{name} = given.{name}" for name, _ in place.key)
    clear = f", {place.clear} = given.new_clear" if place.clear else ""
    return text(f"""
        UPDATE {place.table} t SET {place.sealed} = decode(given.new_sealed, 'hex'){clear}
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given ({columns}, new_sealed text, new_clear text)
        WHERE t.bot_id = :bot_id AND {same}""")


def _count(place: Place) -> TextClause:
    current = f"substring({place.sealed} FROM 1 FOR 5) = CAST(:prefix AS bytea)"
    return text(f"""
        SELECT count(*) FILTER (WHERE {current}) AS current, count(*) FILTER (WHERE NOT {current}) AS other
        FROM {place.table} WHERE bot_id = :bot_id AND {place.sealed} IS NOT NULL""")


def _row(place: Place, row: Row[Any]) -> SealedRow:
    key = tuple(getattr(row, name) for name, _ in place.key)
    sealed = None if row.now_sealed is None else bytes(row.now_sealed)
    return SealedRow(key, place.field(row), sealed, row.now_clear)
