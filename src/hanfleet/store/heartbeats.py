"""Heartbeats: one row per bot, the last word of its worker. Written through a function that checks the epoch."""

from typing import Any

from sqlalchemy import Row, text

from hanfleet.core.states import WorkerPhase
from hanfleet.store.connection import Connection
from hanfleet.store.records import Beat, HeartbeatRow

_BEAT = text("""
    SELECT beat(CAST(:epoch AS bigint), CAST(:phase AS text), CAST(:loop_lag_ms AS double precision),
                CAST(:connected AS boolean), CAST(:last_update_at AS timestamptz),
                CAST(:oldest_unanswered_at AS timestamptz), CAST(:rss_mb AS double precision),
                CAST(:uss_mb AS double precision), CAST(:messages_in AS bigint), CAST(:messages_out AS bigint),
                CAST(:answer_latency_ms AS double precision))""")
_SELECT = "SELECT *, extract(epoch FROM clock_timestamp() - at) AS age_s FROM heartbeats"
_ALL = text(f"{_SELECT} ORDER BY bot_id")
_GET = text(f"{_SELECT} WHERE bot_id = :bot_id")


class Heartbeats:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def beat(self, epoch: int, beat: Beat) -> bool:
        """The worker's own beat; the bot is known by its login role. False: ``epoch`` is no longer current (fenced)."""
        return bool(await self._connection.value(_BEAT, epoch=epoch, **vars(beat)))

    async def all(self) -> list[HeartbeatRow]:
        return [_heartbeat(row) for row in await self._connection.all(_ALL)]

    async def get(self, bot_id: str) -> HeartbeatRow | None:
        row = await self._connection.first(_GET, bot_id=bot_id)
        return None if row is None else _heartbeat(row)


def _heartbeat(row: Row[Any]) -> HeartbeatRow:
    beat = Beat(
        phase=WorkerPhase(row.phase),
        loop_lag_ms=row.loop_lag_ms,
        connected=row.connected,
        last_update_at=row.last_update_at,
        oldest_unanswered_at=row.oldest_unanswered_at,
        rss_mb=row.rss_mb,
        uss_mb=row.uss_mb,
        messages_in=row.messages_in,
        messages_out=row.messages_out,
        answer_latency_ms=row.answer_latency_ms,
    )
    return HeartbeatRow(bot_id=row.bot_id, epoch=row.epoch, beat=beat, at=row.at, age_s=float(row.age_s))
