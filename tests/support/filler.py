"""Rows for every table that there is, found from the catalog: a table that comes with a new migration is filled too.

Each table gets a row with all columns and one with as few as can be; one of both has to be accepted. Where neither is,
`HINTS` says what a column takes. What only triggers write is filled when they fire.
"""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from asyncpg.exceptions import PostgresError

#: column, or table.column → what it takes, as SQL; {n} is a number that no other row has.
HINTS = {
    "bot_keys.key_id": "'2'",  # of a key that was replaced before; one key a bot, for with two a step back is refused
    "text_sealed": "NULL",  # a step back from sealed texts is refused, and a test of theirs shows it
    "url": "'https://example.org/{n}'",
    "password_hash": "'$argon2id${n}'",
    "schedules.settled_at": "NULL",
    "schedules.state": "'pending'",
    "outbox.state": "'pending'",
    "outbox.sent_at": "NULL",
    "messages.waiting": "false",
    "messages.direction": "'in'",
    "messages.author": "'contact'",
}

_TABLES = """
    SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
       AND NOT relispartition AND relname NOT IN ('installation', 'alembic_version') ORDER BY relname"""
_COLUMNS = """
    SELECT a.attname::text AS name, format_type(a.atttypid, NULL) AS type,
           a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS required,
           a.attgenerated <> '' OR a.attidentity = 'a' AS computed
    FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_CHECKS = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c'"
_KEYS = """
    SELECT confrelid::regclass::text AS target,
           ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY k (n, i)
                 JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY i) AS columns,
           ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY k (n, i)
                 JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY i) AS targets
    FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'f' AND conparentid = 0"""
_ONE_OF = re.compile(r"\(?(\w+) = ANY \(ARRAY\['([^']*)'")
_VALUES = {
    "text": "'word-{n}'",
    "name": "'role_{n}'",
    "uuid": "'00000000-0000-7000-8000-{n:012d}'::uuid",
    "bigint": "{n}",
    "integer": "{n}",
    "smallint": "{n}",
    "double precision": "{n}.5",
    "real": "{n}.5",
    "numeric": "{n}.5",
    "boolean": "true",
    "bytea": "decode(lpad(to_hex({n}), 64, '0'), 'hex')",
    "jsonb": "'{{\"n\": {n}}}'",
    "json": "'{{\"n\": {n}}}'",
    "timestamp with time zone": "now() + interval '{n} seconds'",
    "date": "current_date",
    "interval": "interval '{n} seconds'",
    "time without time zone": "time '10:00'",
    "text[]": "ARRAY['word-{n}']",
    "bigint[]": "ARRAY[{n}]",
    "integer[]": "ARRAY[{n}]",
    "uuid[]": "ARRAY['00000000-0000-7000-8000-{n:012d}'::uuid]",
    "inet": "'127.0.0.1'",
    "tsvector": "to_tsvector('word')",
}


@dataclass(frozen=True)
class _Table:
    name: str
    columns: list[Any]
    one_of: dict[str, str]
    keys: list[Any]


async def fill(connection: Any) -> None:
    """Put rows into every table, those that are referred to first. Raises AssertionError that names one left empty."""
    numbers = itertools.count(await _filled_before(connection) + 1)
    waiting = [await _look_at(connection, row[0]) for row in await connection.fetch(_TABLES)]
    while waiting:
        refusals = {}
        for table in waiting:
            refusal = await _add_rows(connection, table, numbers)
            if refusal:
                refusals[table.name] = refusal
        if len(refusals) == len(waiting):
            # Triggers may have filled what nobody may write to.
            empty = [name for name in refusals if not await connection.fetchval(f'SELECT count(*) FROM "{name}"')]
            assert not empty, f"nothing fits into {empty[0]}: say in HINTS what does ({refusals[empty[0]]})"
            return
        waiting = [table for table in waiting if table.name in refusals]


async def contents(connection: Any) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table."""
    found: dict[str, list[dict[str, Any]]] = {}
    for (table,) in await connection.fetch(_TABLES):
        rows = await connection.fetch(f'SELECT to_jsonb(t)::text FROM "{table}" t')
        found[table] = [json.loads(row[0]) for row in rows]
    return found


def missing(before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The rows of ``before`` that are not in ``after``, looking only at tables and columns that both have.

    A value that a step gives another type counts as the same when it reads the same.
    """
    lost: list[str] = []
    for table, rows in before.items():
        if not rows or table not in after:
            continue
        shared = set(rows[0]) & set(after[table][0] if after[table] else rows[0])
        left = [_shown(row, shared) for row in after[table]]
        for wanted in (_shown(row, shared) for row in rows):
            if wanted in left:
                left.remove(wanted)
            else:
                lost.append(f"{table}: {wanted}")
    return lost


def _shown(row: dict[str, Any], names: set[str]) -> str:
    return json.dumps({name: str(row[name]) for name in names}, sort_keys=True)


async def _filled_before(connection: Any) -> int:
    """Where to go on counting: far above what an earlier call may have used."""
    count: int = await connection.fetchval("SELECT count(*) FROM bots") if await _has_bots(connection) else 0
    return count * 1000


async def _has_bots(connection: Any) -> bool:
    found: bool = await connection.fetchval("SELECT to_regclass('bots') IS NOT NULL")
    return found


async def _look_at(connection: Any, name: str) -> _Table:
    checks = " ".join(row[0] for row in await connection.fetch(_CHECKS, name))
    return _Table(
        name, await connection.fetch(_COLUMNS, name), dict(_ONE_OF.findall(checks)), await connection.fetch(_KEYS, name)
    )


async def _add_rows(connection: Any, table: _Table, numbers: Iterator[int]) -> str:
    """Empty: at least one row was taken; else what the last refusal said."""
    taken, refusal = False, ""
    for whole in (True, False):
        names = [column["name"] for column in table.columns if not column["computed"] and (whole or column["required"])]
        values = await _values(connection, table, names, next(numbers))
        try:
            async with connection.transaction():
                columns = ", ".join(f'"{name}"' for name in values)
                await connection.execute(
                    f'INSERT INTO "{table.name}" ({columns}) SELECT {", ".join(values.values())}'
                    if values
                    else f'INSERT INTO "{table.name}" DEFAULT VALUES'
                )
            taken = True
        except PostgresError as refused:
            refusal = str(refused)
    return "" if taken else refusal


async def _values(connection: Any, table: _Table, names: list[str], n: int) -> dict[str, str]:
    types = {column["name"]: column["type"] for column in table.columns}
    values = {
        name: (
            HINTS.get(f"{table.name}.{name}")
            or HINTS.get(name)
            or (f"'{table.one_of[name]}'" if name in table.one_of else _VALUES[types[name]])
        ).format(n=n)
        for name in names
    }
    for key in table.keys:
        if set(key["columns"]) <= set(values):
            # The newest row that nobody refers to yet, where that matters; else any.
            targets = ", ".join(f'"{name}"::text' for name in key["targets"])
            mine = " AND ".join(
                f't."{target}" = m."{column}"' for column, target in zip(key["columns"], key["targets"], strict=True)
            )
            row = await connection.fetchrow(
                f'SELECT {targets} FROM {key["target"]} t ORDER BY EXISTS (SELECT 1 FROM "{table.name}" m WHERE {mine})'
                " LIMIT 1"
            )
            if row is not None:
                for column, value in zip(key["columns"], row, strict=True):
                    values[column] = f"'{value}'::{types[column]}"
    return values
