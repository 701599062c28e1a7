"""The audit trail: reading it, its chains' heads, and dropping what is too old.

Triggers write it (migration 0004); refuses to. Verification reads it as `evidence`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from hanfleet.core.audit import ChainHead
from hanfleet.store.connection import Connection

_NEWEST_FIRST = """
    AND timestamp >= coalesce(CAST(:since AS timestamptz), '-infinity')
    AND timestamp < coalesce(CAST(:until AS timestamptz), 'infinity')
    AND timestamp <= coalesce(CAST(:before AS timestamptz), 'infinity')
    AND (timestamp, chain, seq)
        < (coalesce(CAST(:before AS timestamptz), 'infinity'), CAST(:before_chain AS text), CAST(:before_seq AS bigint))
    AND (CAST(:principal AS text) IS NULL OR principal = :principal)
    AND (CAST(:action AS text) IS NULL OR action = :action)
    ORDER BY timestamp DESC, chain DESC, seq DESC LIMIT :limit"""
_LIST = text(f"SELECT * FROM audit WHERE true {_NEWEST_FIRST}")  # noqa: S608 - a constant of ours
_LIST_OF_BOT = text(f"SELECT * FROM audit WHERE bot_id = :bot_id {_NEWEST_FIRST}")  # noqa: S608 - a constant of ours
_HEADS = text("SELECT chain, seq, hash FROM public.audit_chains ORDER BY chain")
_DROP_OLD = text("SELECT public.drop_old_audit(:keep_days)")


@dataclass(frozen=True)
class Place:
    """Where a page ended: the key of its last entry."""

    timestamp: datetime
    chain: str
    seq: int


@dataclass(frozen=True)
class AuditRow:
    """One entry."""

    chain: str
    seq: int
    timestamp: datetime
    principal: str
    db_role: str
    action: str
    noun: str
    bot_id: str | None
    subject: str
    old_values: dict[str, Any] | None
    new_values: dict[str, Any] | None
    request_id: str | None
    prev_hash: bytes
    hash: bytes


class Audit:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def page(
        self,
        *,
        bot_id: str | None = None,
        principal: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: Place | None = None,
        limit: int = 100,
    ) -> Sequence[AuditRow]:
        """Entries in ``since`` ≤ time < ``until``, the newest first, those behind ``before``."""
        values = {
            "principal": principal,
            "action": action,
            "since": since,
            "until": until,
            "before": before and before.timestamp,
            "before_chain": before.chain if before else "",
            "before_seq": before.seq if before else 0,
            "limit": limit,
        }
        if bot_id is None:
            rows = await self._connection.all(_LIST, **values)
        else:
            rows = await self._connection.all(_LIST_OF_BOT, bot_id=bot_id, **values)
        return [_entry(row) for row in rows]

    async def heads(self) -> list[ChainHead]:
        """The head of every chain, by name."""
        return [head_of(row) for row in await self._connection.all(_HEADS)]

    async def drop_old(self, keep_days: int) -> bool:
        """Drop whole months that are older than ``keep_days`` (at least 90) days; False: there were none.

        Raises StoreUnavailableError while open transactions are in the way: try again later.
        """
        return bool(await self._connection.value(_DROP_OLD, keep_days=keep_days))


def head_of(row: Row[Any]) -> ChainHead:
    """A row of chain, seq and hash."""
    return ChainHead(row.chain, row.seq, row.hash)


def _entry(row: Row[Any]) -> AuditRow:
    return AuditRow(
        chain=row.chain,
        seq=row.seq,
        timestamp=row.timestamp,
        principal=row.principal,
        db_role=row.db_role,
        action=row.action,
        noun=row.noun,
        bot_id=row.bot_id,
        subject=row.subject,
        old_values=row.old_values,
        new_values=row.new_values,
        request_id=row.request_id,
        prev_hash=row.prev_hash,
        hash=row.hash,
    )
