"""Restrictions that show themselves over log-ins only: each stops its attack, which succeeds once it is lifted.

Left out, for lifting it alone cannot make an attack succeed:
- no REPLICATION: the server runs with wal_level=minimal, where nobody replicates; there is no slot to steal with;
- pg_signal_backend of the provisioner, with which rotation ends sessions: roles of services belong to all tests of a run;
  that a session is ended is shown in tests/integration/store/test_admin.py;
- the bots' timeouts, work_mem and the like: a role lifts them itself (docs/security.md), so they stop no attack.
"""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from asyncpg.exceptions import PostgresError
from sqlalchemy.engine import make_url

from hanfleet.store.provisioner import Provisioner
from tests.support.database import BotLogIn, Database


@pytest.fixture
async def mallory(database: Database) -> BotLogIn:
    return await database.add_bot("mallory")


@pytest.fixture
async def admin(database: Database) -> Any:
    return await database.connect()


async def test_connection_limit_stops_taking_all_connections(database: Database, mallory: BotLogIn, admin: Any) -> None:
    url = (await Provisioner(database.urls.provisioner).rotate("mallory")).url
    await database.connect(url)
    with pytest.raises(asyncpg.TooManyConnectionsError):
        await database.connect(url)
    await admin.execute(f"ALTER ROLE {mallory.role_name} CONNECTION LIMIT -1")
    await database.connect(url)


async def test_no_connect_stops_working_in_another_database(database: Database, mallory: BotLogIn, admin: Any) -> None:
    other = "hf_other_" + database.name[-8:]
    url = make_url(mallory.url).set(database=other).render_as_string(hide_password=False)
    await admin.execute(f"CREATE DATABASE {other} TEMPLATE template0")
    try:
        await admin.execute(f"REVOKE ALL ON DATABASE {other} FROM PUBLIC")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.connect(url)
        await admin.execute(f"GRANT CONNECT ON DATABASE {other} TO {mallory.role_name}")
        await (await database.connect(url)).close()
    finally:
        await admin.execute(f"DROP DATABASE {other}")


async def test_no_createdb_stops_filling_the_server(database: Database, mallory: BotLogIn, admin: Any) -> None:
    raw, name = await database.connect(mallory.url), "hf_mallory_" + database.name[-8:]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await raw.execute(f"CREATE DATABASE {name}")
    await admin.execute(f"ALTER ROLE {mallory.role_name} CREATEDB")
    await raw.execute(f"CREATE DATABASE {name}")
    await admin.execute(f"DROP DATABASE {name}")


async def test_a_fence_stops_a_worker_that_lost_its_lease(database: Database, mallory: BotLogIn, admin: Any) -> None:
    await database.provisioner.fence("mallory")
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await database.connect(mallory.url)
    await admin.execute(f"ALTER ROLE {mallory.role_name} LOGIN")
    await database.connect(mallory.url)


async def test_a_new_password_stops_the_predecessor(database: Database, mallory: BotLogIn, admin: Any) -> None:
    old = await admin.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = $1", mallory.role_name)
    await database.provisioner.rotate("mallory")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await database.connect(mallory.url)
    await admin.execute(f"ALTER ROLE {mallory.role_name} PASSWORD '{old}'")
    await database.connect(mallory.url)


async def test_temp_file_limit_stops_filling_the_disk(database: Database, mallory: BotLogIn, admin: Any) -> None:
    spill = "SELECT count(*) FROM (SELECT repeat('x', 8000) || n AS x FROM generate_series(1, 9000) n ORDER BY 1 OFFSET 0) s"
    raw = await database.connect(mallory.url)
    await raw.execute("SET work_mem = '64kB'")
    with pytest.raises(asyncpg.ConfigurationLimitExceededError, match="temp_file_limit"):
        await raw.execute(spill)
    await raw.close()
    await admin.execute(f"ALTER ROLE {mallory.role_name} RESET temp_file_limit")
    raw = await database.connect(mallory.url)
    await raw.execute("SET work_mem = '64kB'")
    await raw.execute(spill)


_LOUD = (
    "DO $$ BEGIN RAISE LOG 'planted %', repeat('x', 1000000); RAISE EXCEPTION 'planted %', repeat('x', 1000000); END $$"
)


async def test_log_min_messages_stops_filling_the_log(database: Database, mallory: BotLogIn, admin: Any) -> None:
    """Statements are kept out of it, but an error quotes what it is about."""
    log = await _log_of_server(admin)
    raw = await database.connect(mallory.url)
    await raw.execute(f"ALTER ROLE {mallory.role_name} RESET ALL")
    await raw.close()
    raw = await database.connect(mallory.url)
    before = log.stat().st_size
    for loud in (_LOUD, "SELECT repeat('planted ', 1000000)::int"):
        with pytest.raises(PostgresError, match="planted"):
            await raw.execute(loud)
    await raw.close()
    assert log.stat().st_size - before < 500_000  # other tests' servers write there, too
    await admin.execute(f"ALTER ROLE {mallory.role_name} RESET log_min_messages")
    raw = await database.connect(mallory.url)
    with pytest.raises(PostgresError, match="planted"):
        await raw.execute(_LOUD)
    assert log.stat().st_size - before > 1_500_000


async def _log_of_server(admin: Any) -> Path:
    """Where the server's first process says what it has to say."""
    folder = Path(await admin.fetchval("SHOW data_directory"))
    pid = (folder / "postmaster.pid").read_text().splitlines()[0]
    return Path(f"/proc/{pid}/fd/2").readlink()


@pytest.mark.parametrize("service", ["supervisor", "api"])
async def test_lock_timeout_stops_holding_up_a_service(database: Database, mallory: BotLogIn, service: str) -> None:
    """A bot may lock its own rows, and services that need one of them wait no longer than that."""
    raw = await database.connect(mallory.url)
    holding = raw.transaction()
    await holding.start()
    await raw.execute("UPDATE bot_counters SET event_seq = event_seq + 1")
    server = await database.connect(getattr(database.urls, service))
    assert await server.fetchval("SHOW lock_timeout") == "2s"
    wanted = "UPDATE bot_counters SET event_seq = event_seq + 1 WHERE bot_id = 'mallory'"
    await server.execute("SET hanfleet.principal = 'system:test'; SET lock_timeout = '50ms'")  # the same, but sooner
    with pytest.raises(asyncpg.LockNotAvailableError):
        await server.execute(wanted)
    await server.execute("SET lock_timeout = 0")
    waiting = asyncio.create_task(server.execute(wanted))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done
    await holding.rollback()
    await waiting


_OWN_SETTINGS = "SELECT setdatabase, setconfig FROM pg_db_role_setting WHERE setrole = $1::text::regrole"


@pytest.mark.parametrize(
    "harm",
    [
        "ALTER ROLE CURRENT_USER SET default_transaction_read_only = on",
        "ALTER ROLE CURRENT_USER IN DATABASE {database} SET search_path = pg_temp",
        "ALTER ROLE CURRENT_USER SET statement_timeout = 1",
        "ALTER ROLE CURRENT_USER RESET ALL",
        "ALTER ROLE CURRENT_USER PASSWORD NULL",
    ],
)
async def test_a_new_start_heals_what_a_bot_did_to_its_own_role(
    database: Database, mallory: BotLogIn, admin: Any, harm: str
) -> None:
    """No right stops it from that, and left alone no start of this bot would succeed again."""
    before = await admin.fetch(_OWN_SETTINGS, mallory.role_name)
    raw = await database.connect(mallory.url)
    await raw.execute(harm.format(database=database.name))
    url = (await database.provisioner.rotate("mallory")).url
    assert await admin.fetch(_OWN_SETTINGS, mallory.role_name) == before
    again = await database.connect(url)
    await again.execute("UPDATE bot_counters SET event_seq = event_seq")


@pytest.mark.parametrize(
    "tie",
    [
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
        "ALTER ROLE CURRENT_USER SET search_path = pg_temp",
    ],
)
async def test_a_bot_cannot_keep_its_role_from_going(
    database: Database, mallory: BotLogIn, admin: Any, tie: str
) -> None:
    raw = await database.connect(mallory.url)
    await raw.execute(tie)
    await database.provisioner.drop_bot_role("mallory")
    assert not await admin.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", mallory.role_name)
