"""Event rows: written with the change that they tell of, published later by the leader's relay.

``seq`` comes from the bot's counter row in the same transaction; that row stays locked until the commit, so the order
of a bot's events is the order of its commits.
"""

# ruff: noqa: S608 - only our own constants are put into statements, never a value

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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

# Times and data come in forms that are always read, so that a row which makes no event is found as such and spoils no
# other row of the batch.
_READ = """
    e.id, e.type, e.version, e.source, e.bot_id, e.seq, CAST(e.data AS text) AS data_text, e.correlation_id,
    e.causation_id, CAST(e.timestamp AS text) AS at_text, CASE
        WHEN e.timestamp >= '0002-01-01 00:00:00+00' AND e.timestamp < '9999-01-01 00:00:00+00' THEN e.timestamp
    END AS at"""

# Bots by turns: the next of each, then the one after that. What a row says of itself decides on its place among its own
# bot's rows only (a bot chooses seq and times itself), and neither rows nor bytes are more than asked for, but for a
# first row. The index has the rows of each bot in this order, and the bots are found by leaps from one to the next; ""
# is before every bot, and NULL, the system, behind them. The planner does not know of a flood that has just begun: a
# subquery with a lock it leaves as it is, one search in the index for each row. And rows that are locked stay, so an
# erasure waits until they are on the bus, and finds them there.
_OF_EACH = 100
_NEXT = f"""
    SELECT e.timestamp, e.id, row_number() OVER (ORDER BY e.seq, e.timestamp, e.id) AS turn FROM events e
    WHERE e.published_at IS NULL AND {{whose}} ORDER BY e.seq, e.timestamp, e.id LIMIT {_OF_EACH}"""
_UNPUBLISHED = text(f"""
    WITH RECURSIVE bots AS (
        SELECT CAST('' AS text) AS bot_id
        UNION ALL
        SELECT (SELECT e.bot_id FROM events e WHERE e.published_at IS NULL AND e.bot_id > b.bot_id
                ORDER BY e.bot_id LIMIT 1)
        FROM bots b WHERE b.bot_id IS NOT NULL),
    due AS (
        SELECT n.* FROM bots b CROSS JOIN LATERAL ({_NEXT.format(whose="e.bot_id = b.bot_id")}) AS n
        WHERE b.bot_id <> ALL (CAST(:resting AS text[]))
        UNION ALL ({_NEXT.format(whose="e.bot_id IS NULL")})
        ORDER BY turn, timestamp, id LIMIT :limit),
    weighed AS (
        SELECT timestamp, id, sum(size) OVER (
            ORDER BY turn, timestamp, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
        FROM (SELECT d.*, (SELECT octet_length(CAST(e.data AS text)) FROM events e
                           WHERE e.timestamp = d.timestamp AND e.id = d.id) AS size FROM due d) AS sized)
    SELECT e.* FROM weighed w CROSS JOIN LATERAL (
        SELECT {_READ} FROM events e
        WHERE e.timestamp = w.timestamp AND e.id = w.id AND e.published_at IS NULL FOR KEY SHARE) AS e
    WHERE coalesce(w.bytes_before, 0) < :max_bytes
    ORDER BY e.bot_id NULLS FIRST, e.seq, w.timestamp, e.id""")
_MARK = text("""
    SELECT mark_published(
        CAST(CAST(:times AS text[]) AS timestamptz[]), CAST(:ids AS uuid[]), CAST(:now AS timestamptz))""")
_SPAN = """
    timestamp >= :since AND timestamp < :until AND (CAST(:type AS text) IS NULL OR type = :type)"""
_OF_BOT = text(f"""
    SELECT {_READ} FROM events e WHERE bot_id = :bot_id AND {_SPAN} ORDER BY timestamp, seq, id LIMIT :limit""")
_OF_ALL = text(f"""
    SELECT {_READ} FROM events e WHERE {_SPAN} ORDER BY timestamp, bot_id, seq, id LIMIT :limit""")
_ALWAYS = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
_PARTITIONS = text("SELECT ensure_month_partitions()")
_DROP_OLD = text("SELECT drop_old_months('events', :before, :wait_ms)")


@dataclass(frozen=True)
class UnreadableEvent:
    """A row from which no event can be made; ``at`` is its time in PostgreSQL's words."""

    id: UUID
    bot_id: str | None
    at: str


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

    # The relay's side.

    async def unpublished(
        self, limit: int = 500, *, max_bytes: int = 4 << 20, resting: Collection[str] = ()
    ) -> Sequence[Event | UnreadableEvent]:
        """The next events that wait for publication, the bots by turns and each bot's in order of seq.

        ``max_bytes``: after as much data no other event is added. ``resting``: these bots' events go on waiting.
        They cannot be deleted before this transaction ends: publish and mark them in it. One that is unreadable is
        only marked, or it would come for ever.
        """
        rows = await self._connection.all(_UNPUBLISHED, limit=limit, max_bytes=max_bytes, resting=list(resting))
        return [_event(row) for row in rows]

    async def mark_published(self, events: Sequence[Event | UnreadableEvent]) -> None:
        """They are on the bus now, or never will be."""
        await self._connection.all(
            _MARK,
            times=[event.timestamp.isoformat() if isinstance(event, Event) else event.at for event in events],
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
        """Stored events, oldest first, in ``since`` ≤ time < ``until``; unreadable ones are left out."""
        values = {"since": since or _ALWAYS[0], "until": until or _ALWAYS[1], "type": type, "limit": limit}
        if bot_id is None:
            rows = await self._connection.all(_OF_ALL, **values)
        else:
            rows = await self._connection.all(_OF_BOT, bot_id=bot_id, **values)
        return [event for event in map(_event, rows) if isinstance(event, Event)]

    async def ensure_partitions(self) -> None:
        """Make this month's and the next two months' partitions. The supervisor calls this daily."""
        await self._connection.all(_PARTITIONS)

    async def drop_older(self, before: datetime, *, wait_s: float = 0.2) -> int:
        """Drop the months that ended before; one with an event that waits for publication stays. Gives how many.

        ``wait_s``: how long it waits for each lock, and others behind it. Raises StoreUnavailableError after that.
        """
        return int(await self._connection.value(_DROP_OLD, before=before, wait_ms=int(wait_s * 1000)))


def data_of(payload: EventPayload) -> dict[str, Any]:
    """What an event row keeps of a payload: all but type and version, which are columns."""
    return payload.model_dump(mode="json", exclude={"type", "version"})


def _event(row: Row[Any]) -> Event | UnreadableEvent:
    try:
        return Event(
            id=row.id,
            type=row.type,
            version=row.version,
            source=row.source,
            bot_id=row.bot_id,
            seq=row.seq,
            data=json.loads(row.data_text),
            correlation_id=row.correlation_id,
            causation_id=row.causation_id,
            timestamp=row.at,
        )
    except (ValueError, RecursionError):  # a number or a depth that Python does not take, or what is no event
        return UnreadableEvent(row.id, row.bot_id, row.at_text)
