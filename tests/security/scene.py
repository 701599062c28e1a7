"""The scene of every attack: mallory has been taken over and is after anna, who has a row in every table.

Attacks of `restrictions` run in a superuser's transaction that takes mallory's place (SET SESSION AUTHORIZATION) and is
undone afterwards, so that a restriction can be lifted for a moment; and with all restrictions in place they run once
more over a log-in of mallory's own.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from asyncpg.exceptions import PostgresError

from hanfleet.store.roles import RoleNames
from tests.security.tables import TABLES
from tests.support.database import BotLogIn, Database, open_database

BOTS = ("anna", "mallory")


@dataclass
class Scene:
    """``raw`` is mallory's log-in, ``admin`` a superuser's."""

    database: Database
    mallory: BotLogIn
    anna: BotLogIn
    raw: Any
    admin: Any

    @property
    def roles(self) -> RoleNames:
        return RoleNames.of(self.database.install_id)

    def role(self, name: str) -> str:
        """The database's name for ``bots`` (that is mallory), ``api``, ``relay`` and so on."""
        return self.mallory.role_name if name == "bots" else str(getattr(self.roles, name))

    @asynccontextmanager
    async def undone(self) -> AsyncIterator[None]:
        """A transaction of the superuser's that leaves nothing behind."""
        transaction = self.admin.transaction()
        await transaction.start()
        try:
            yield
        finally:
            await transaction.rollback()

    def words(self) -> dict[str, str]:
        """What the placeholders in attacks mean here."""
        names = {f"@{role}@": name for role, name in vars(self.roles).items()}
        return {**names, "@mallory@": self.mallory.role_name, "@anna@": self.anna.role_name}

    async def words_of(self, table: str) -> dict[str, str]:
        """What the placeholders of one table mean: mallory's row (or any), its columns, anna's partition, its key."""
        row = await self.admin.fetchrow(
            f"SELECT to_jsonb(t)::text AS row, t.tableoid::regclass::text AS partition FROM {table} t"
            f" ORDER BY to_jsonb(t) ->> 'bot_id' = 'mallory' DESC NULLS LAST"
        )
        assert row is not None, f"no row is planted in {table}: give it one in tests/security/tables.py"
        anna = await self.admin.fetchval(
            f"SELECT t.tableoid::regclass::text FROM {table} t WHERE to_jsonb(t) ->> 'bot_id' = 'anna'"
        )
        columns = await self.admin.fetch(
            "SELECT attname, format_type(atttypid, atttypmod) AS type,"
            " EXISTS (SELECT 1 FROM pg_index WHERE indrelid = attrelid AND indisprimary AND attnum = ANY(indkey)) AS key"
            " FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = '' AND attidentity <> 'a' ORDER BY attnum",
            table,
        )
        key = [column for column in columns if column["key"]]
        return {
            "@row@": row["row"].replace("'", "''"),
            "@columns@": ", ".join(f'"{column["attname"]}"' for column in columns),
            "@partition@": anna or row["partition"],
            "@key@": ", ".join(f'"{column["attname"]}"' for column in key),
            "@key_types@": ", ".join(f'"{column["attname"]}" {column["type"]}' for column in key),
        }


def filled(text: str, words: Mapping[str, str]) -> str:
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text


async def succeeds(connection: Any, attack: str, *, role: str | None = None, refused: tuple[str, ...]) -> bool:
    """Whether ``attack`` (statements, the last one decides) does something; whatever it does is undone.

    A statement that touches no row did nothing. An error that is not among ``refused`` is a broken attack.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        if role is not None:
            await connection.execute(f"SET LOCAL SESSION AUTHORIZATION {role}")
        tag = ""
        for statement in attack.split(";\n"):
            tag = await connection.execute(statement)
    except PostgresError as error:
        if getattr(error, "sqlstate", None) in refused:
            return False
        raise
    finally:
        await transaction.rollback()
    return not tag.endswith(" 0")


async def plant(admin: Any) -> None:
    """A row of each bot in every table that the fleet itself leaves empty."""
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")  # rows need no parents here
        for name, table in TABLES.items():
            for bot in BOTS if table.row else ():
                row = json.dumps(table.row).replace("{bot}", bot).replace("{uuid}", str(uuid4()))
                row = row.replace("{hash}", uuid4().hex * 2)
                columns = ", ".join(f'"{column}"' for column in table.row)
                await admin.execute(
                    f"INSERT INTO {name} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::public.{name}, $1)",
                    row,
                )


async def open_scene(postgres_url: str, folder: Path) -> AsyncIterator[Scene]:
    async for database in open_database(postgres_url, folder):
        mallory, anna = await database.add_bot("mallory"), await database.add_bot("anna")
        scene = Scene(database, mallory, anna, await database.connect(mallory.url), await database.connect())
        await plant(scene.admin)
        victim = await database.connect(anna.url)
        await victim.execute("SELECT 'what anna asks'")
        yield scene
