"""What the planner would do in a fleet of 1,000,000 messages, in a database that holds none of them.

Statistics are imported (PostgreSQL 18 takes them), and as the planner multiplies them by the real size of each file, the
files are made as long as they would be, without taking space: holes read as empty pages, which every scan passes over.
Statements are those that stand in the modules of `hanfleet.store`, so a new one cannot be forgotten.
"""

import importlib
import json
import os
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import TextClause

import hanfleet.store
from hanfleet.store import sealed_values
from tests.support.million import STATISTICS, partition_months

BOT = "bot-07"
PAGE = 8192
#: Tables that grow with the talk; those split by hash must be read in one partition alone, those split by month in the
#: months alone that are asked for.
BY_HASH = ("messages", "user_profiles", "conversations")
BY_TIME = ("events", "audit")
_READS = re.compile(
    rf"\b(?:FROM|JOIN|UPDATE|INTO|USING)\s+(?:ONLY\s+)?(?:public\.)?(?:{'|'.join(BY_HASH + BY_TIME)})\b"
)
_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
_AN_ID = "0199d000-0000-7000-8000-000000000000"  # of October 2026

#: Partitions that the statistics know as more than a few pages.
_LARGE = {name for name, known in json.loads(STATISTICS.read_text()).items() if known["pages"] > 10}

#: By name, then by type: values that fit the statistics.
_BY_NAME = {
    "bot_id": BOT,
    "chat_id": "101300",
    "since": "2026-10-10",
    "until": "2026-10-11",
    "chain": f"bot:{BOT}",
    "old_activity": "2026-10-15",
}
_BY_TYPE = {
    "text": "00", "uuid": _AN_ID, "bigint": "100", "integer": "20", "boolean": "true", "double precision": "1",
    "timestamp with time zone": "2026-10-15", "jsonb": "[]", "bytea": r"\x00", "name": "x", "real": "1",
    "interval": "20 s",
}  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """A statement of the store: where it stands, its text with $1, $2…, and the names of those."""

    name: str
    text: str
    parameters: tuple[str, ...]

    @property
    def months(self) -> int | None:
        """How many months it asks for: with both bounds of _BY_NAME one; None: as many as there are."""
        return 1 if {name.removeprefix("p_") for name in self.parameters} >= {"since", "until"} else None


def statements() -> Iterator[Statement]:
    """All that read or change one of the tables."""
    for module in pkgutil.walk_packages(hanfleet.store.__path__, "hanfleet.store."):
        if ".migrations" in module.name:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, TextClause) and value.text and _READS.search(value.text):
                yield _statement(f"{module.name.removeprefix('hanfleet.store.')}.{name}", value)
    for name, clause in _of_places():
        if _READS.search(clause.text):
            yield _statement(name, clause)


def _of_places() -> Iterator[tuple[str, TextClause]]:
    """Those that are made for each place where sealed values lie, and so stand under no name in their module."""
    for place in sealed_values.PLACES:
        for texts in ("sealed", "clear"):
            for page in ("first", "next"):
                clause = sealed_values._stale(place, texts == "sealed", first=page == "first")
                yield f"sealed_values.stale {place.name}, {texts}, {page} page", clause
        yield f"sealed_values.put {place.name}", sealed_values._put(place)
        yield f"sealed_values.count {place.name}", sealed_values._count(place)


def _statement(name: str, clause: TextClause) -> Statement:
    names = tuple(dict.fromkeys(_PARAMETER.findall(clause.text)))
    return Statement(name, _numbered(clause.text, names), names)


def _numbered(text: str, names: tuple[str, ...]) -> str:
    return _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", text)


async def functions(admin: Any) -> list[Statement]:
    """The statements inside of the schema's SQL functions that read or change one of the tables."""
    rows = await admin.fetch("""
        SELECT proname::text AS name, proargnames::text[] AS parameters, pg_get_function_sqlbody(oid) AS body,
               ARRAY(SELECT format_type(of, NULL) FROM unnest(proargtypes) WITH ORDINALITY AS t (of, place)
                     ORDER BY place) AS types
        FROM pg_proc WHERE prosqlbody IS NOT NULL AND pronamespace = 'public'::regnamespace""")
    found = []
    for row in rows:
        names = tuple(row["parameters"] or ())
        for part in row["body"].removeprefix("BEGIN ATOMIC").removesuffix("END").split(";"):
            if _READS.search(part):
                numbered = part
                for number, (name, of_type) in enumerate(zip(names, row["types"], strict=False), 1):
                    numbered = re.sub(rf"\b(?:{row['name']}\.)?{name}\b", f"${number}::{of_type}", numbered)
                found.append(Statement(f"{row['name']}()", numbered, names))
    return found


async def put_statistics(admin: Any) -> None:
    """Let the planner believe in STATISTICS, and the files be as long as those say. ``admin`` is a superuser."""
    await partition_months(admin)
    data = Path(await admin.fetchval("SHOW data_directory"))
    rows = await admin.fetch(
        "SELECT relname::text, pg_relation_filepath(oid) AS path FROM pg_class WHERE relkind IN ('r', 'p', 'i')"
    )
    paths = {row["relname"]: row["path"] for row in rows}
    for relation, known in json.loads(STATISTICS.read_text()).items():
        if relation not in paths:
            continue  # an index that is no more
        if paths[relation] and (data / paths[relation]).stat().st_size < known["pages"] * PAGE:
            os.truncate(data / paths[relation], known["pages"] * PAGE)
        sizes = {"relpages": known["pages"], "reltuples": known["tuples"], "relallvisible": known["visible"]}
        calls = [_restore("relation", relation, sizes)]
        calls += [_restore("attribute", relation, column) for column in known["columns"]]
        if not await admin.fetchval(f"SELECT true = ALL (ARRAY[{', '.join(calls)}])"):
            raise AssertionError(f"the statistics of {relation} do not fit the schema any more: make them again")


_STATISTICS_TYPES = {
    "relpages": "integer", "reltuples": "real", "relallvisible": "integer", "inherited": "boolean", "null_frac": "real",
    "avg_width": "integer", "n_distinct": "real", "correlation": "real", "most_common_freqs": "real[]",
}  # fmt: skip


def _restore(kind: str, relation: str, values: dict[str, Any]) -> str:
    pairs = ", ".join(
        f"{_literal(name)}, {_literal(str(value))}::{_STATISTICS_TYPES.get(name, 'text')}"
        for name, value in {"schemaname": "public", "relname": relation, **values}.items()
    )
    return f"pg_restore_{kind}_stats({pairs})"


async def plan(connection: Any, statement: Statement, *, generic: bool) -> dict[str, Any] | None:
    """The plan that ``connection``'s role gets; None: it may not run this."""
    mode = "force_generic_plan" if generic else "force_custom_plan"
    await connection.execute(f"SET plan_cache_mode = {mode}; PREPARE asked AS {statement.text}")
    types = await connection.fetchval("SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'asked'")
    values = ", ".join(map(_sample, statement.parameters, types))
    try:
        found = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked{f'({values})' if values else ''}")
    except asyncpg.InsufficientPrivilegeError:
        return None
    finally:
        await connection.execute("DEALLOCATE asked")
    result: dict[str, Any] = json.loads(found)[0]["Plan"]
    return result


def _sample(name: str, of_type: str) -> str:
    element = of_type.removesuffix("[]")
    value = _BY_NAME.get(name.removeprefix("p_"), _BY_TYPE[element])
    return f"{_literal('{' + value + '}' if of_type.endswith('[]') else value)}::{of_type}"


def faults(tree: dict[str, Any], parents: dict[str, str], *, cost_limit: float, months: int | None = None) -> list[str]:
    """What is wrong with a plan; ``parents`` names each partition's table. An empty partition may be read as a whole.

    ``months``: how many were asked for. What pruning at the start of the execution leaves out is not in the tree.
    """
    found = []
    scanned: dict[str, set[str]] = {}
    for node in nodes(tree):
        partition = node.get("Relation Name", "")
        parent = parents.get(partition)
        if parent in BY_HASH + BY_TIME:
            scanned.setdefault(parent, set()).add(partition)
            if node["Node Type"] == "Seq Scan" and partition in _LARGE:
                found.append(f"reads all of {partition}")
    found += [
        f"looks into {len(many)} parts of {parent}"
        for parent, many in scanned.items()
        if parent in BY_HASH and len(many) > 1
    ]
    found += [
        f"looks into {len(many)} months of {parent}, and {months} was asked for"
        for parent, many in scanned.items()
        if parent in BY_TIME and months is not None and len(many) > months
    ]
    if tree["Total Cost"] > cost_limit:
        found.append(f"costs {tree['Total Cost']:.0f}, more than {cost_limit:.0f}")
    return found


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from nodes(below)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
