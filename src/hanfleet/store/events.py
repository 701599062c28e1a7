"""Event rows: written with the change that they tell of, published later by the leader's relay.

``seq`` comes from the bot's counter row in the same transaction; that row stays locked until the commit, so the order
of a bot's events is the order of its commits.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from hanfleet.core.events import Event, EventPayload
from hanfleet.kit.identity import new_id
from hanfleet.kit.requests import request_id
from hanfleet.store.connection import Connection, as_json

_APPEND = text("""
    WITH counter AS (
        UPDATE bot_counters SET event_seq = event_seq + 1 WHERE bot_id = CAST(:bot_id AS text) RETURNING event_seq)
    INSERT INTO events (id, type, version, source, bot_id, seq, data, correlation_id, causation_id, timestamp)
    SELECT CAST(:id AS uuid), :type, :version, :source, CAST(:bot_id AS text), (SELECT event_seq FROM counter),
           CAST(:data AS jsonb), CAST(:correlation AS uuid), CAST(:causation AS uuid), CAST(:now AS timestamptz)""")

# A row may carry an earlier time than its predecessor of the same bot: two processes' clocks meet at the counter. So
# a batch is chosen by time and then filled up with everything that precedes its rows by seq. Its rows stay locked, so
# an erasure waits until they are on the bus, and finds them there.
_UNPUBLISHED = text("""
    WITH oldest AS (
        SELECT bot_id, seq, id FROM events WHERE published_at IS NULL ORDER BY timestamp LIMIT :limit),
    reach AS (SELECT bot_id, max(seq) AS seq FROM oldest WHERE bot_id IS NOT NULL GROUP BY bot_id)
    SELECT e.* FROM events e LEFT JOIN reach r ON r.bot_id = e.bot_id
    WHERE e.published_at IS NULL AND (e.seq <= r.seq OR e.id IN (SELECT id FROM oldest))
    ORDER BY e.bot_id NULLS FIRST, e.seq, e.timestamp, e.id
    FOR KEY SHARE OF e""")
_MARK = text("""
    UPDATE events e SET published_at = :now
    FROM unnest(CAST(:times AS timestamptz[]), CAST(:ids AS uuid[])) AS done (timestamp, id)
    WHERE e.timestamp = done.timestamp AND e.id = done.id AND e.published_at IS NULL""")
_LIST = text("""
    SELECT * FROM events
    WHERE (CAST(:bot_id AS text) IS NULL OR bot_id = :bot_id)
      AND (CAST(:type AS text) IS NULL OR type = :type)
      AND timestamp >= coalesce(CAST(:since AS timestamptz), '-infinity')
      AND timestamp < coalesce(CAST(:until AS timestamptz), 'infinity')
    ORDER BY timestamp, bot_id, seq, id LIMIT :limit""")
_PARTITIONS = text("SELECT ensure_month_partitions()")


class Events:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def append(
        self,
        payload: EventPayload,
        *,
        bot_id: str | None,
        source: str | None = None,
        correlation_id: UUID | None = None,
        causation_id: UUID | None = None,
    ) -> UUID:
        """Write one event and give its id. ``source`` defaults to the principal's, ``correlation_id`` to the id of the
        request that is served, and outside of one to the event's own.

        ``bot_id`` None: an event of the system, without a seq.
        """
        event_id = new_id()
        await self._connection.all(
            _APPEND,
            id=event_id,
            type=payload.type,
            version=payload.version,
            source=source or self._connection.principal.source,
            bot_id=bot_id,
            data=as_json(data_of(payload)),
            correlation=correlation_id or request_id() or event_id,
            causation=causation_id,
            now=self._connection.clock.now(),
        )
        return event_id

    async def unpublished(self, limit: int = 500) -> Sequence[Event]:
        """The oldest events that wait for publication, each bot's in order of seq; a few over ``limit`` may come.

        They cannot be deleted before this transaction ends: publish and mark them in it.
        """
        return [_event(row) for row in await self._connection.all(_UNPUBLISHED, limit=limit)]

    async def mark_published(self, events: Sequence[Event]) -> None:
        """They are on the bus now."""
        await self._connection.all(
            _MARK,
            times=[event.timestamp for event in events],
            ids=[event.id for event in events],
            now=self._connection.clock.now(),
        )

    async def list(
        self,
        *,
        bot_id: str | None = None,
        type: str | None = None,  # noqa: A002 - the field's own name
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[Event]:
        """Stored events, oldest first, in ``since`` ≤ time < ``until``."""
        rows = await self._connection.all(_LIST, bot_id=bot_id, type=type, since=since, until=until, limit=limit)
        return [_event(row) for row in rows]

    async def ensure_partitions(self) -> None:
        """Make this month's and the next two months' partitions. The supervisor calls this daily."""
        await self._connection.all(_PARTITIONS)


def data_of(payload: EventPayload) -> dict[str, Any]:
    """What an event row keeps of a payload: all but type and version, which are columns."""
    return payload.model_dump(mode="json", exclude={"type", "version"})


def _event(row: Row[Any]) -> Event:
    return Event(
        id=row.id,
        type=row.type,
        version=row.version,
        source=row.source,
        bot_id=row.bot_id,
        seq=row.seq,
        data=row.data,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        timestamp=row.timestamp,
    )
