"""A bot's own role with arbitrary SQL: it reaches its own rows and nothing else, whatever it sets, shadows or locks.

What stops each single attack is proved in `test_restrictions`; here stand the promises that need more than one.
"""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from hanfleet.store.roles import RoleNames
from tests.security.scene import Scene
from tests.security.tables import CLOSED, READABLE
from tests.support.database import OPERATOR

DENIED = asyncpg.InsufficientPrivilegeError

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("red team")]


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _sober(scene: Scene) -> AsyncIterator[None]:
    yield
    await scene.raw.execute("RESET ALL")


async def test_every_table_shows_a_bot_its_own_rows_alone(scene: Scene) -> None:
    for table in READABLE:
        both = {row["bot_id"] for row in await scene.admin.fetch(f"SELECT bot_id FROM {table}")}
        assert both >= {"anna", "mallory"}, table
        seen = {row["bot_id"] for row in await scene.raw.fetch(f"SELECT bot_id FROM {table}")}
        assert seen == {"mallory"}, table


async def test_every_other_table_is_closed(scene: Scene) -> None:
    for table in CLOSED:
        with pytest.raises(DENIED):
            await scene.raw.fetch(f"SELECT * FROM {table}")


async def test_no_partition_can_be_touched(scene: Scene) -> None:
    partitions = await scene.admin.fetch(
        "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    assert len(partitions) >= 8 * 3 + 2 * 4
    for partition in partitions:
        for statement in (
            f"SELECT * FROM {partition['relname']}",
            f"DELETE FROM {partition['relname']}",
            f"TRUNCATE {partition['relname']}",
            f"COPY {partition['relname']} TO STDOUT",
        ):
            with pytest.raises(DENIED):
                await scene.raw.execute(statement)


async def test_no_setting_and_no_other_role_helps(scene: Scene) -> None:
    roles = RoleNames.of(scene.database.install_id)
    for setting in ("operator:olga", "system:supervisor", "bot:anna"):
        await scene.raw.execute(f"SET hanfleet.principal = '{setting}'")
        assert await scene.raw.fetchval("SELECT count(*) FROM messages WHERE bot_id = 'anna'") == 0
    await scene.raw.execute("SET row_security = on")
    for role in (*vars(roles).values(), scene.anna.role_name, "admin", "pg_read_all_data"):
        for statement in (f"SET ROLE {role}", f"SET SESSION AUTHORIZATION {role}", f"GRANT {role} TO CURRENT_USER"):
            with pytest.raises(DENIED):
                await scene.raw.execute(statement)
    await scene.raw.execute("SET row_security = off")
    with pytest.raises(DENIED, match="row-level security"):
        await scene.raw.fetch("SELECT * FROM messages")


async def test_nothing_can_be_made_that_would_stand_in_for_something(scene: Scene) -> None:
    for statement in (
        "CREATE TEMP TABLE bot_roles (bot_id text, role_name name)",
        "CREATE TABLE public.x ()",
        "CREATE SCHEMA x",
        "CREATE FUNCTION public.my_bot() RETURNS text LANGUAGE sql AS $$ SELECT 'anna' $$",
        "CREATE FUNCTION pg_temp.my_bot() RETURNS text LANGUAGE sql AS $$ SELECT 'anna' $$",
        "CREATE VIEW pg_temp.v AS SELECT 1",
        "CREATE EXTENSION pg_stat_statements",
        "CREATE ROLE x",
        "CREATE DATABASE x",
    ):
        with pytest.raises(asyncpg.exceptions.PostgresError) as refused:
            await scene.raw.execute(statement)
        assert getattr(refused.value, "sqlstate", None) in {"42501", "3F000"}, statement
    await scene.raw.execute("SET search_path = pg_temp, pg_catalog, public")
    assert await scene.raw.fetchval("SELECT my_bot()") == "mallory"


async def test_server_wide_means_are_closed(scene: Scene) -> None:
    for statement in (
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_xact_lock(1)",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_ls_dir('.')",
        "COPY messages TO PROGRAM 'cat'",
        "COPY messages FROM '/etc/passwd'",
        "SET temp_file_limit = -1",
        "ALTER SYSTEM SET fsync = off",
        "CHECKPOINT",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{scene.anna.role_name}'",
        f"ALTER ROLE {scene.anna.role_name} PASSWORD 'x'",
        "SELECT ensure_month_partitions()",
        "SELECT * FROM pg_authid",
    ):
        with pytest.raises(DENIED):
            await scene.raw.execute(statement)
    assert await scene.raw.fetchval("SHOW temp_file_limit") == "64MB"


async def test_the_api_sees_rows_only_as_somebody(scene: Scene) -> None:
    api = await scene.database.connect(scene.database.urls.api)
    assert await api.fetch("SELECT * FROM bots") == []
    async with scene.database.api.transaction(OPERATOR) as tx:
        assert len(await tx.bots.list()) == 2
    for statement in ("SELECT * FROM bot_roles", "UPDATE leases SET epoch = 9", "SET ROLE admin", "CREATE ROLE x"):
        with pytest.raises(DENIED):
            await api.execute(statement)


async def test_a_role_without_a_bot_sees_nothing(scene: Scene) -> None:
    async with scene.undone():
        await scene.admin.execute("DELETE FROM bot_roles WHERE bot_id = 'mallory'")
        await scene.admin.execute(f"SET LOCAL SESSION AUTHORIZATION {scene.mallory.role_name}")
        for table in READABLE:
            assert await scene.admin.fetch(f"SELECT * FROM {table}") == []


async def test_a_lease_lasts_five_minutes_at_most(scene: Scene) -> None:
    async with scene.undone():
        await scene.admin.execute(
            "UPDATE leases SET node = 'n', boot_id = 'b', pid = 2, start_time = 1 WHERE name = 'bot:mallory'"
        )
        await scene.admin.execute(f"SET LOCAL SESSION AUTHORIZATION {scene.mallory.role_name}")
        until = await scene.admin.fetchval("SELECT claim_lease(1, 'n', 'b', 2, 1, 1e9) - clock_timestamp() < '6 min'")
        assert until is True
