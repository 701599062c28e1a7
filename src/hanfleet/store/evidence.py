"""The audit trail as evidence against the owner role, who may change all that stands in the database, settings too.

Tables are named with their schema and nothing but pg_catalog is called, which only a superuser changes; each hash is
computed here, from the entry's own columns. Refuses to read what is not the tables that migration 0004 made, as they
were made: views, rules, policies, children by inheritance and columns of other kinds could show one trail here and
another elsewhere. Refuses to judge what it reads: `control.verification` does that.
"""

import hashlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text

from hanfleet.core.audit import ChainHead
from hanfleet.core.errors import PermanentError
from hanfleet.store.audit import head_of
from hanfleet.store.connection import Connection

_AS_EVIDENCE = (
    text("SET LOCAL search_path = pg_catalog, pg_temp"),
    text("SET LOCAL row_security = off"),  # a policy that would hide entries raises instead
    text("SET LOCAL constraint_exclusion = off"),
    # Retention waits while this is held, so what is read first and what is read last belong together; and so does
    # everybody who would put something else in the place of these.
    text("LOCK TABLE public.audit, public.audit_chains, public.audit_checkpoints IN ACCESS SHARE MODE"),
)
_SHAPES = text("""
    SELECT n.nspname AS schema, c.relname AS name, CAST(c.relkind AS text) AS kind, c.relispartition AS part,
           pg_get_userbyid(c.relowner) = current_user AS ours, c.relforcerowsecurity AS forced,
           EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid) AS ruled,
           EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND NOT convalidated) AS unproven,
           (SELECT count(*) FROM pg_inherits WHERE inhparent = c.oid) AS children,
           (SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod),
                                        CASE WHEN attnotnull THEN 'not null' END,
                                        CASE WHEN attgenerated <> '' THEN 'generated' END,
                                        CASE WHEN attcollation NOT IN (0, 100) THEN 'collated' END),
                              ', ' ORDER BY attname)
            FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE (n.nspname = 'public' AND c.relname IN ('audit', 'audit_chains', 'audit_checkpoints'))
       OR c.oid IN (SELECT relid FROM pg_partition_tree('public.audit'))
    ORDER BY c.relname""")
_ENTRY = (
    "action text not null, bot_id text, chain text not null, db_role text not null, hash bytea not null,"
    " new_values jsonb, noun text not null, old_values jsonb, prev_hash bytea not null, principal text not null,"
    " request_id text, seq bigint not null, subject text not null, timestamp timestamp with time zone not null"
)
_HEAD = "chain text not null, hash bytea not null, seq bigint not null"
#: Kind and columns of each; whatever else is found is a partition, and like the entries.
_MADE = {"audit": ("p", _ENTRY), "audit_chains": ("r", _HEAD), "audit_checkpoints": ("r", _HEAD)}
_PARTITION = re.compile(r"audit_(default|y\d{4}m\d{2})")
_CHECKPOINTS = text("SELECT chain, seq, hash FROM public.audit_checkpoints ORDER BY chain")
# One statement and no condition: every row that the table has comes, whatever it holds. Years before Christ look like
# others in to_char.
_LINKS = text("""
    SELECT chain, seq, principal, db_role, action, noun, bot_id, subject, CAST(old_values AS text) AS old_values,
           CAST(new_values AS text) AS new_values, request_id, prev_hash, hash,
           CASE WHEN timestamp >= '0001-01-01 00:00:00+00'
                THEN to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END AS written_at
    FROM public.audit ORDER BY chain, seq, timestamp""")
_LINKS_AT_ONCE = 5000


@dataclass(frozen=True)
class Link:
    """What verification needs of one entry; ``expected`` is the hash that its content has now.

    ``checkpoints``: of an entry of the retention, each chain's checkpoint (seq and hash in hex) after it.
    """

    chain: str
    seq: int
    prev_hash: bytes
    hash: bytes
    expected: bytes
    checkpoints: dict[str, Any] | None


class Evidence:
    """For the owner role alone. `hold` comes first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def hold(self) -> None:
        """Keep retention and everybody who changes tables away until the end of this transaction.

        Raises PermanentError when the trail is not in the tables that were made for it.
        """
        for statement in _AS_EVIDENCE:
            await self._connection.all(statement)
        for row in await self._connection.all(_SHAPES):
            if oddity := _oddity(row):
                raise PermanentError(
                    f"The audit trail cannot be verified: {row.schema}.{row.name} {oddity}. Only the owner role or an"
                    " administrator of the database can have done that: docs/howto/read-the-audit-trail.md."
                )

    async def checkpoints(self) -> list[ChainHead]:
        """How far retention has taken each chain away."""
        return [head_of(row) for row in await self._connection.all(_CHECKPOINTS)]

    async def links(self) -> AsyncIterator[Link]:
        """All entries, chain by chain, each chain from its beginning."""
        async for row in self._connection.stream(_LINKS, _LINKS_AT_ONCE):
            yield Link(row.chain, row.seq, row.prev_hash, row.hash, _hash(row), _told(row))


def _oddity(row: Row[Any]) -> str:
    """What is not as migration 0004 made it; empty: nothing."""
    part = row.name not in _MADE or row.schema != "public"
    kind, columns = ("r", _ENTRY) if part else _MADE[row.name]
    if part and not (row.schema == "public" and _PARTITION.fullmatch(row.name)):
        return "is a partition of it that no part of the fleet made"
    if row.kind != kind or row.part != part or (row.children and kind == "r"):
        return "is not the table that was made for it, but stands in its place or has others below it"
    if row.ruled:
        return "has a rule, which turns what is written or read into something else"
    if row.forced or not row.ours:
        return "belongs to another role, or hides rows from its own"
    if row.columns != columns or row.unproven:
        return "has other columns than it was made with"
    return ""


def _hash(row: Row[Any]) -> bytes:
    """As audit_append (migration 0004) computes it: over the text of a jsonb array, behind the hash before."""
    before = (
        row.chain,
        row.seq,
        row.written_at,
        row.principal,
        row.db_role,
        row.action,
        row.noun,
        row.bot_id,
        row.subject,
    )
    members = [
        *(json.dumps(value, ensure_ascii=False) for value in before),
        _member(row.old_values),
        _member(row.new_values),
        json.dumps(row.request_id, ensure_ascii=False),
    ]
    return hashlib.sha256(row.prev_hash + f"[{', '.join(members)}]".encode()).digest()


def _member(value: str | None) -> str:
    """JSON's own null, which nobody writes there, must not hash as no value does."""
    if value is None:
        return "null"
    return "" if value == "null" else value


def _told(row: Row[Any]) -> dict[str, Any] | None:
    if (row.chain, row.noun) != ("fleet", "audit"):
        return None
    try:
        told = json.loads(row.new_values or "null")
    except (ValueError, RecursionError):  # a number or a depth that jsonb takes and Python does not
        return None
    return told if isinstance(told, dict) else None
