"""What the database itself says about its tables: which there are, their columns, their order, their partitions.

Backups go by it and not by a list of their own, so that a table which a later step of the schema adds is in the next
backup without a word. Refuses to know what any table means, but for the few that belong to a place or a moment.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

#: Belong to this database or to this moment: made anew wherever a fleet runs.
NOT_KEPT = frozenset({"alembic_version", "installation", "bot_roles", "leases", "heartbeats"})

#: Tell of the fleet and outlive the bot, though they have a bot_id: one bot does not take them along.
_OF_THE_FLEET = frozenset({"audit", "erasures"})

_TABLES = """
    SELECT c.relname::text AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND c.relname <> ALL ($1::text[])
    GROUP BY c.oid ORDER BY c.relname"""
_REFERENCES = """
    SELECT DISTINCT conrelid::regclass::text AS name, confrelid::regclass::text AS needs FROM pg_constraint
    WHERE contype = 'f' AND conparentid = 0 AND connamespace = 'public'::regnamespace AND conrelid <> confrelid"""
_PARTITIONS = """
    SELECT parent.relname::text AS parent, part.relname::text AS name,
           pg_get_expr(part.relpartbound, part.oid) AS bound
    FROM pg_inherits i JOIN pg_class part ON part.oid = i.inhrelid JOIN pg_class parent ON parent.oid = i.inhparent
    JOIN pg_partitioned_table p ON p.partrelid = parent.oid
    WHERE p.partstrat = 'r' AND parent.relnamespace = 'public'::regnamespace AND parent.relname = ANY ($1::text[])
      AND pg_get_expr(part.relpartbound, part.oid) <> 'DEFAULT'
    ORDER BY part.relname"""
_SEQUENCES = """
    SELECT sequencename::text AS name, last_value FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL ORDER BY 1"""
_BOUND = re.compile(r"FOR VALUES FROM \('[^']*'\) TO \('[^']*'\)")


@dataclass(frozen=True)
class Table:
    """``columns`` without the generated ones."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class RangePartition:
    """``bound`` as PostgreSQL writes it: FOR VALUES FROM (…) TO (…)."""

    parent: str
    name: str
    bound: str

    @property
    def statement(self) -> str:
        """What makes it where it is missing. Raises ValueError for a bound of another form."""
        if not _BOUND.fullmatch(self.bound):
            raise ValueError(f"not the bound of a range: {self.bound}")
        return f"CREATE TABLE IF NOT EXISTS {quoted(self.name)} PARTITION OF {quoted(self.parent)} {self.bound}"


async def tables(connection: Any) -> list[Table]:
    """All that is kept, what is referenced before what refers to it."""
    found = {
        row["name"]: Table(row["name"], tuple(row["columns"]))
        for row in await connection.fetch(_TABLES, list(NOT_KEPT))
    }
    return [found[name] for name in _in_order(found, await _references(connection))]


async def tables_of_bot(connection: Any) -> list[Table]:
    """Of those the ones that a bot can take along: with a bot_id, and needing none that has not."""
    own = [table for table in await tables(connection) if "bot_id" in table.columns and table.name not in _OF_THE_FLEET]
    references = await _references(connection)
    kept: dict[str, Table] = {}
    for table in own:  # what is needed comes first
        if all(needed in kept for name, needed in references if name == table.name):
            kept[table.name] = table
    return list(kept.values())


async def partitions(connection: Any, parents: Iterable[Table]) -> list[RangePartition]:
    """The partitions by range of ``parents``, without the default ones."""
    rows = await connection.fetch(_PARTITIONS, [table.name for table in parents])
    return [RangePartition(row["parent"], row["name"], row["bound"]) for row in rows]


async def sequences(connection: Any) -> dict[str, int]:
    """Where each sequence that was ever used stands."""
    return {row["name"]: row["last_value"] for row in await connection.fetch(_SEQUENCES)}


def quoted(name: str) -> str:
    """``name`` as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def quoted_list(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, names))


async def _references(connection: Any) -> list[tuple[str, str]]:
    return [(row["name"], row["needs"]) for row in await connection.fetch(_REFERENCES)]


def _in_order(names: Iterable[str], references: Iterable[tuple[str, str]]) -> list[str]:
    order: TopologicalSorter[str] = TopologicalSorter({name: [] for name in names})
    for name, needed in references:
        order.add(name, needed)
    return [name for name in order.static_order() if name in names]
