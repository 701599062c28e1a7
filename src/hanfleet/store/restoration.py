"""Putting rows of a backup back, in one transaction as the owner role: all of it or nothing.

Triggers are off meanwhile: they watch what people and bots do, and these rows did all that once. Refuses a database on
which a fleet works; whether there may be rows already is the caller's to judge.
"""

import json
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection as RawConnection
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from sqlalchemy.util import greenlet_spawn

from hanfleet.core.errors import ConflictError, PermanentError
from hanfleet.kit.clock import Clock
from hanfleet.store import catalogue, migrate
from hanfleet.store.addresses import driver_url, session_settings
from hanfleet.store.catalogue import RangePartition, Table, quoted, quoted_list
from hanfleet.store.connection import Connection
from hanfleet.store.faults import translated
from hanfleet.store.principals import SystemPrincipal
from hanfleet.store.session import Transaction
from hanfleet.store.snapshot import WrappedKey
from hanfleet.store.texts import Texts

_TIMEOUT_S = 3600.0
# Foreign keys are looked up once for each row, and planning that look anew takes longer than looking.
_BEGIN = text("""
    SELECT set_config('timezone', 'UTC', true), set_config('plan_cache_mode', 'force_generic_plan', true),
           set_config('hanfleet.principal', :principal, true)""")
_LIVING = "SELECT string_agg(name, ', ' ORDER BY name) FROM leases WHERE expires_at > clock_timestamp()"
# Clones on partitions follow their parent's trigger.
_TRIGGERS = """
    SELECT tgrelid::regclass::text AS relation, tgname::text AS name, tgenabled::text AS enabled FROM pg_trigger
    WHERE NOT tgisinternal AND tgparentid = 0 AND tgenabled <> 'D' AND tgrelid = ANY ($1::regclass[])"""
_ENABLE = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}
_STAGED = "staged"
_KEYS = "SELECT * FROM bot_keys WHERE bot_id = ANY ($1::text[])"
_SET_KEY = "UPDATE bot_keys SET wrapped = $3 WHERE bot_id = $1 AND key_id = $2"
# Nobody runs yet, whatever the rows say: a worker that they mention was another server's.
_SETTLE = """
    UPDATE bots
    SET desired_state = CASE WHEN desired_state = 'running' AND NOT $2 THEN 'stopped' ELSE desired_state END,
        status = CASE WHEN status IN ('starting', 'running', 'stopping') THEN 'stopped' ELSE status END
    WHERE bot_id = ANY ($1::text[])"""
_NOTE = "SELECT audit_note('insert', 'restore', $1, $2, NULL, $3::jsonb)"
# The database's moment of writing this: until then another server may have written in the bot's name.
_RESTORED = "UPDATE sessions SET restored_at = clock_timestamp() WHERE bot_id = ANY ($1::text[])"
_KNOWN_TO_ALL = "UPDATE bot_keys SET after_epoch = 0 WHERE bot_id = ANY ($1::text[])"


class Restoration:
    """``transaction`` gives the repositories, for what has to be done to the rows before they count."""

    def __init__(self, raw: RawConnection, driver: Any, transaction: Transaction) -> None:
        self._raw = raw
        self._driver = driver
        self.transaction = transaction
        self._triggers: list[Any] = []
        self._loaded: list[str] = []

    async def bots(self) -> set[str]:
        """The bots that are there now."""
        return {row["bot_id"] for row in await self._driver.fetch("SELECT bot_id FROM bots")}

    async def tables_of_bot(self) -> set[str]:
        """Names of the tables that one bot can take along."""
        return {table.name for table in await catalogue.tables_of_bot(self._driver)}

    async def move_schema(self, revision: str) -> None:
        """Take the schema to ``revision``, down or up. Going down loses what only newer ones can hold."""
        with translated(None):
            await greenlet_spawn(migrate.move_within, self._raw, revision)

    async def prepare(self, tables: Iterable[Table], *, empty: bool) -> None:
        """Turn the triggers of ``tables`` off, and ``empty`` them. Raises PermanentError when a column is missing."""
        wanted = list(tables)
        self._loaded = [table.name for table in wanted]
        with translated(None):
            standing = {table.name: set(table.columns) for table in await catalogue.tables(self._driver)}
            for table in wanted:
                if standing.get(table.name) != set(table.columns):
                    raise PermanentError(
                        f"Table {table.name} of this backup does not fit the database: restore it with the release"
                        " of Hanfleet that made it."
                    )
            self._triggers = await self._driver.fetch(_TRIGGERS, [quoted(name) for name in standing])
            for trigger in self._triggers:
                await self._alter_trigger(trigger, "DISABLE")
            if empty:
                await self._driver.execute(f"TRUNCATE {quoted_list(standing)} CASCADE")

    async def make_partitions(self, partitions: Iterable[RangePartition]) -> None:
        """Those that are missing."""
        with translated(None):
            for partition in partitions:
                await self._driver.execute(partition.statement)

    async def load(self, table: Table, rows: AsyncIterator[bytes], *, only_bot: str | None = None) -> tuple[int, int]:
        """Add rows in PostgreSQL's binary COPY format, only ``only_bot``'s if given; how many were read, and added."""
        into = f"public.{quoted(table.name)}"
        columns = quoted_list(table.columns)
        with translated(None):
            if only_bot is None:
                read = await self._copy(table.name, "public", table, rows)
                return read, read
            await self._driver.execute(
                f"CREATE TEMP TABLE {_STAGED} ON COMMIT DROP AS SELECT {columns} FROM {into} WITH NO DATA"  # noqa: S608
            )
            read = await self._copy(_STAGED, "pg_temp", table, rows)
            done: str = await self._driver.execute(
                f"INSERT INTO {into} ({columns}) OVERRIDING SYSTEM VALUE"  # noqa: S608 - quoted names
                f" SELECT {columns} FROM pg_temp.{_STAGED} WHERE bot_id = $1",
                only_bot,
            )
            await self._driver.execute(f"DROP TABLE pg_temp.{_STAGED}")
            return read, _count(done)

    async def data_keys(self, bots: Iterable[str]) -> list[WrappedKey]:
        """The data keys of ``bots`` as they stand now."""
        with translated(None):
            rows = await self._driver.fetch(_KEYS, list(bots))
        return [WrappedKey(row["bot_id"], row["key_id"], bytes(row["wrapped"])) for row in rows]

    async def set_data_key(self, key: WrappedKey) -> None:
        """Put the same key there, wrapped by another master key."""
        with translated(None):
            await self._driver.execute(_SET_KEY, key.bot_id, key.key_id, key.wrapped)

    async def settle(self, bots: Iterable[str], *, start: bool) -> None:
        """Nobody runs, and nothing is wanted to run unless ``start``."""
        with translated(None):
            await self._driver.execute(_SETTLE, list(bots), start)

    async def let_keys_be_known(self, bots: Iterable[str]) -> None:
        """Leases begin anew, and every worker to come is told all keys. Needs the schema of this release."""
        with translated(None):
            await self._driver.execute(_KNOWN_TO_ALL, list(bots))

    async def date_sessions(self, bots: Iterable[str]) -> None:
        """What their accounts wrote up to now is the bots' own. Needs the schema of this release."""
        with translated(None):
            await self._driver.execute(_RESTORED, list(bots))

    async def note(self, backup_id: str, only_bot: str | None, counts: Mapping[str, Any]) -> None:
        """The restore's one entry in the audit trail, behind those that came back. Needs the schema of this release."""
        with translated(None):
            await self._driver.execute(_NOTE, only_bot, backup_id, json.dumps(counts))

    async def finish(self, sequences: Mapping[str, int]) -> None:
        """Set the sequences, count for the planner, and turn the triggers on again: later rows are watched."""
        with translated(None):
            for name, value in sequences.items():
                await self._driver.fetchval("SELECT setval($1::text::regclass, $2)", quoted(name), value)
            await self._driver.execute(f"ANALYZE {quoted_list(self._loaded)}")
            for trigger in self._triggers:
                await self._alter_trigger(trigger, _ENABLE[trigger["enabled"]])

    async def _copy(self, into: str, schema: str, table: Table, rows: AsyncIterator[bytes]) -> int:
        done: str = await self._driver.copy_to_table(
            into, source=rows, schema_name=schema, columns=list(table.columns), format="binary", timeout=_TIMEOUT_S
        )
        return _count(done)

    async def _alter_trigger(self, trigger: Any, verb: str) -> None:
        await self._driver.execute(f"ALTER TABLE {trigger['relation']} {verb} TRIGGER {quoted(trigger['name'])}")


def _count(done: str) -> int:
    """How many rows a command tag tells of: COPY 5, INSERT 0 5."""
    return int(done.rpartition(" ")[2])


@asynccontextmanager
async def restoration(owner_url: str, clock: Clock) -> AsyncIterator[Restoration]:
    """Committed when the body ends, rolled back when it raises. Raises ConflictError while a fleet works there."""
    engine = create_engine(
        driver_url(owner_url),
        poolclass=NullPool,
        connect_args={
            "timeout": 10.0,
            "command_timeout": _TIMEOUT_S,
            "server_settings": session_settings("hanfleet restore"),
        },
    )
    principal = SystemPrincipal("restore")
    with translated(None):
        raw = await greenlet_spawn(engine.connect)
    try:
        with translated(None):
            await greenlet_spawn(raw.execute, _BEGIN, {"principal": principal.setting})
            driver: Any = raw.connection.driver_connection
            living = await driver.fetchval(_LIVING)
        if living:
            raise ConflictError(
                f"A fleet works on this database, or did just now ({living}): stop it, wait a minute, try again."
            )
        transaction = Transaction(Connection(raw, principal, clock, Texts()), random.SystemRandom())
        yield Restoration(raw, driver, transaction)
        with translated(None):
            await greenlet_spawn(raw.commit)
    finally:
        with translated(None):
            await greenlet_spawn(raw.close)
