"""Numbers over time, per bot, for what the product shows of the past; live gauges are Prometheus' business."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import text

from hanfleet.store.connection import Connection
from hanfleet.store.records import MetricRow

_RECORD = text("""
    INSERT INTO metrics_data (bot_id, name, value, timestamp)
    SELECT :bot_id, name, value, :now
    FROM unnest(CAST(:names AS text[]), CAST(:numbers AS double precision[])) AS given (name, value)""")
_LIST = text("""
    SELECT bot_id, name, value, timestamp FROM metrics_data
    WHERE bot_id = :bot_id AND name = :name AND timestamp >= :since ORDER BY timestamp LIMIT :limit""")
_DROP_OLD = text("SELECT drop_old_months('metrics_data', :before, :wait_ms)")


class Metrics:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def record(self, bot_id: str, values: Mapping[str, float], now: datetime) -> None:
        """Store one value per name, all of the same moment."""
        await self._connection.all(
            _RECORD, bot_id=bot_id, names=list(values), numbers=[float(value) for value in values.values()], now=now
        )

    async def list(self, bot_id: str, name: str, since: datetime, limit: int = 1000) -> Sequence[MetricRow]:
        """The values of one name from ``since`` on, oldest first."""
        rows = await self._connection.all(_LIST, bot_id=bot_id, name=name, since=since, limit=limit)
        return [MetricRow(row.bot_id, row.name, row.value, row.timestamp) for row in rows]

    async def drop_older(self, before: datetime, *, wait_s: float = 0.2) -> int:
        """Drop the months that ended before, as `Events.drop_older`. Imported numbers of long ago stay."""
        return int(await self._connection.value(_DROP_OLD, before=before, wait_ms=int(wait_s * 1000)))
