"""All that is kept, or all of one bot, as it stands at one moment, while the fleet runs. For the owner role alone.

One REPEATABLE READ transaction sees the same moment throughout, however long the copying takes. It holds back no
writer; only what would drop a table or a partition waits for it. Refuses a database where row level security would
leave rows out.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hanfleet.core.errors import NotFoundError, PermanentError
from hanfleet.store import catalogue
from hanfleet.store.addresses import connect
from hanfleet.store.catalogue import RangePartition, Table, quoted, quoted_list
from hanfleet.store.faults import translated

# One table is one statement, and a large one takes its time.
_COPY_TIMEOUT_S = 3600.0
_STATE = "SELECT install_id, (SELECT version_num FROM alembic_version) AS revision FROM installation"
_BOTS = "SELECT bot_id FROM bots WHERE $1::text IS NULL OR bot_id = $1 ORDER BY bot_id"
_KEYS = "SELECT * FROM bot_keys WHERE $1::text IS NULL OR bot_id = $1"

Sink = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True)
class SchemaState:
    """Of which installation and revision the rows are, and what has to be there before they fit in again."""

    install_id: str
    revision: str
    tables: list[Table]
    partitions: list[RangePartition]
    sequences: dict[str, int]


@dataclass(frozen=True)
class WrappedKey:
    """A bot's data key under the master key."""

    bot_id: str
    key_id: str | int  # text in the schema's first revisions
    wrapped: bytes


class Snapshot:
    """``state`` and rows are of the same moment."""

    def __init__(self, connection: Any, bot_id: str | None, state: SchemaState) -> None:
        self._connection = connection
        self._bot_id = bot_id
        self.state = state

    async def copy(self, table: Table, sink: Sink) -> int:
        """Pass the rows to ``sink`` in PostgreSQL's binary COPY format; gives how many there are."""
        query = f"SELECT {quoted_list(table.columns)} FROM public.{quoted(table.name)}"  # noqa: S608 - a quoted name
        values = []
        if self._bot_id is not None:
            query += " WHERE bot_id = $1"
            values.append(self._bot_id)
        with translated(None):
            done: str = await self._connection.copy_from_query(
                query, *values, output=sink, format="binary", timeout=_COPY_TIMEOUT_S
            )
        return int(done.rpartition(" ")[2])

    async def bots(self) -> list[str]:
        """The bots in it."""
        with translated(None):
            return [row["bot_id"] for row in await self._connection.fetch(_BOTS, self._bot_id)]

    async def data_keys(self) -> list[WrappedKey]:
        """The data keys of the bots in it."""
        with translated(None):
            rows = await self._connection.fetch(_KEYS, self._bot_id)
        return [WrappedKey(row["bot_id"], row["key_id"], bytes(row["wrapped"])) for row in rows]


@asynccontextmanager
async def snapshot(owner_url: str, bot_id: str | None = None) -> AsyncIterator[Snapshot]:
    """One moment of the fleet, or of one bot. Raises NotFoundError for a bot that is not there."""
    with translated(None):
        connection = await connect(owner_url, "hanfleet backup")
    try:
        with translated(None):
            state = await _begin(connection, bot_id)
        yield Snapshot(connection, bot_id, state)
    finally:
        with translated(None):
            await connection.close(timeout=10)


async def _begin(connection: Any, bot_id: str | None) -> SchemaState:
    known = catalogue.tables if bot_id is None else catalogue.tables_of_bot
    seen = await known(connection)
    if not seen:
        raise NotFoundError("This database holds no fleet yet, so there is nothing to back up: hanfleet up makes one.")
    await connection.execute("SET row_security = off; SET lock_timeout = '30s'; SET timezone = 'UTC'")
    await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    # Before the first query fixes the moment: what is locked cannot be dropped between that moment and its copying.
    await connection.execute(f"LOCK TABLE {quoted_list(table.name for table in seen)} IN ACCESS SHARE MODE")
    tables = await known(connection)
    if tables != seen:
        raise PermanentError("The schema is being changed right now: try again when that is done.")
    if bot_id is not None and not await connection.fetchval("SELECT 1 FROM bots WHERE bot_id = $1", bot_id):
        raise NotFoundError(f"There is no bot {bot_id}: hanfleet bots list shows those there are.")
    row = await connection.fetchrow(_STATE)
    return SchemaState(
        install_id=row["install_id"],
        revision=row["revision"],
        tables=tables,
        partitions=await catalogue.partitions(connection, tables),
        sequences=await catalogue.sequences(connection) if bot_id is None else {},
    )
