"""Alerts: what a person should look at. One is open per bot and kind, however often the same thing is noticed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from hanfleet.kit.identity import new_id
from hanfleet.store.connection import Connection, storable
from hanfleet.store.operator_records import AlertRow, Severity

_RAISE = text("""
    INSERT INTO alerts (id, bot_id, kind, severity, detail, raised_at)
    VALUES (:id, :bot_id, :kind, :severity, :detail, :now)
    ON CONFLICT (bot_id, kind) WHERE resolved_at IS NULL DO NOTHING RETURNING id""")
_ACKNOWLEDGE = text("""
    UPDATE alerts SET acknowledged_at = :now, acknowledged_by = :who
    WHERE id = :id AND acknowledged_at IS NULL RETURNING id""")
_RESOLVE = text("""
    UPDATE alerts SET resolved_at = :now
    WHERE bot_id IS NOT DISTINCT FROM CAST(:bot_id AS text) AND kind = :kind AND resolved_at IS NULL RETURNING id""")
_OPEN = text("""
    SELECT id, bot_id, kind, severity, detail, raised_at, acknowledged_at, acknowledged_by FROM alerts
    WHERE resolved_at IS NULL ORDER BY raised_at, id LIMIT :limit""")


class Alerts:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def raise_(self, kind: str, severity: Severity, detail: str, *, bot_id: str | None = None) -> bool:
        """Say that something is wrong with a bot, or with None the fleet. False: that alert is open already."""
        values = {"kind": kind, "severity": severity, "detail": storable(detail), "bot_id": bot_id}
        now = self._connection.clock.now()
        return await self._connection.first(_RAISE, id=new_id(), now=now, **values) is not None

    async def acknowledge(self, alert: AlertRow) -> bool:
        """The principal has seen it. False: somebody had before."""
        who, now = self._connection.principal.setting, self._connection.clock.now()
        return await self._connection.first(_ACKNOWLEDGE, id=alert.id, who=who, now=now) is not None

    async def resolve(self, kind: str, *, bot_id: str | None = None) -> bool:
        """It is over. False: there was no such alert."""
        now = self._connection.clock.now()
        return await self._connection.first(_RESOLVE, kind=kind, bot_id=bot_id, now=now) is not None

    async def open(self, limit: int = 100) -> Sequence[AlertRow]:
        """What is not over, the longest standing first."""
        return [_alert(row) for row in await self._connection.all(_OPEN, limit=limit)]


def _alert(row: Row[Any]) -> AlertRow:
    return AlertRow(
        row.id, row.bot_id, row.kind, Severity(row.severity), row.detail, row.raised_at, row.acknowledged_at,
        row.acknowledged_by,
    )  # fmt: skip
