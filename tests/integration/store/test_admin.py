"""Making a database fit: repeated, at once, refused with a sentence; the schema up and down again with rows in it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asyncpg.exceptions import InvalidPasswordError
from sqlalchemy.engine import make_url

from hanfleet.core.errors import NotFoundError, PermanentError
from hanfleet.store import migrate
from hanfleet.store.addresses import connect
from hanfleet.store.admin import ServicePasswords, _check_server, bootstrap
from hanfleet.store.migrations import HEAD
from tests.integration.store.conversation_steps import decide, load, message, take
from tests.support.database import SYSTEM, Database
from tests.support.installations import remove_installation

PASSWORDS = ServicePasswords("o", "s", "a", "p", "r")


@pytest.fixture
async def fresh_url(postgres_url: str) -> AsyncIterator[str]:
    """The URL of a database that does not exist yet; it and its roles are gone after the test."""
    name = f"hf_fresh_{secrets.token_hex(4)}"
    url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    yield url
    await remove_installation(postgres_url, name)


async def _logs_in(url: str) -> bool:
    try:
        connection = await connect(url, "test")
    except InvalidPasswordError:
        return False
    await connection.close(timeout=5)
    return True


async def test_bootstrap_may_be_repeated_and_takes_new_passwords(fresh_url: str) -> None:
    first = await bootstrap(fresh_url, PASSWORDS, install_id="0abcdef1")
    assert first.install_id == "0abcdef1"
    assert await migrate.current(first.urls.owner) == HEAD
    second = await bootstrap(fresh_url, ServicePasswords("o2", "s2", "a2", "p2", "r2"), install_id="ffffffff")
    assert second.install_id == "0abcdef1"
    for service in ("owner", "supervisor", "api", "provisioner", "relay"):
        assert await _logs_in(getattr(second.urls, service))
        assert not await _logs_in(getattr(first.urls, service))


async def test_two_may_bootstrap_at_once(fresh_url: str) -> None:
    first, second = await asyncio.gather(bootstrap(fresh_url, PASSWORDS), bootstrap(fresh_url, PASSWORDS))
    assert first == second


async def test_a_url_without_a_database_of_its_own_means_hanfleet(postgres_url: str) -> None:
    try:
        made = await bootstrap(postgres_url, PASSWORDS)
        assert made.database == "hanfleet"
        assert make_url(made.urls.api).database == "hanfleet"
    finally:
        await remove_installation(postgres_url, "hanfleet")


async def test_a_bootstrap_role_that_is_no_superuser_is_refused(database: Database) -> None:
    # The owner may connect to no other database: let it stand in as an administrator that is too weak.
    raw = await database.connect(database.urls.owner)
    with pytest.raises(PermanentError, match="is not a superuser"):
        await _check_server(raw)


async def test_an_old_server_is_refused() -> None:
    class _OldServer:
        async def fetchrow(self, _statement: str) -> dict[str, Any]:
            return {"shown": "15.9", "major": 15, "superuser": True, "role": "postgres"}

    with pytest.raises(PermanentError, match=r"PostgreSQL 15\.9; Hanfleet needs 16 or newer"):
        await _check_server(_OldServer())


async def test_a_schema_from_the_future_is_refused(fresh_url: str) -> None:
    made = await bootstrap(fresh_url, PASSWORDS)
    raw = await connect(made.urls.owner, "test")
    await raw.execute("UPDATE alembic_version SET version_num = '9999'")
    await raw.close(timeout=5)
    with pytest.raises(PermanentError, match="revision 9999, which is newer"):
        await bootstrap(fresh_url, PASSWORDS)


async def test_the_schema_goes_down_with_rows_in_it_and_up_again(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10))
    await decide(bot, await load(bot), "hi")
    raw = await database.connect()
    shape = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    before = await raw.fetchval(shape)
    assert await migrate.downgrade(database.urls.owner)
    assert await migrate.current(database.urls.owner) is None
    left = await raw.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')"
    )
    assert {row["relname"] for row in left} == {"installation", "alembic_version"}
    functions = await raw.fetch("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
    assert [row["proname"] for row in functions] == ["refuse_drop_owned"]  # the bootstrap's, as the two tables are
    assert not await migrate.downgrade(database.urls.owner)
    assert await migrate.upgrade(database.urls.owner)
    assert not await migrate.upgrade(database.urls.owner)
    assert await raw.fetchval(shape) == before
    again = await database.add_bot("bella")
    assert (await take(again, message(10))).fresh
    await raw.execute(f"DROP OWNED BY {bot.role_name}; DROP ROLE {bot.role_name}")


async def test_every_bot_role_is_made_once_and_dropped_for_good(database: Database) -> None:
    async with database.api.transaction(SYSTEM) as tx:
        await tx.bots.add("anna", {"name": "Anna"})
    first = await database.provisioner.create_bot_role("anna")
    assert await database.provisioner.create_bot_role("anna") == first
    names = await asyncio.gather(*(database.provisioner.create_bot_role("anna") for _ in range(3)))
    assert set(names) == {first}
    raw = await database.connect()
    assert not await raw.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", first)
    login = await database.provisioner.rotate("anna")
    assert login.role_name == first
    assert (
        await raw.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = $1", first)
        != make_url(login.url).password
    )
    await database.provisioner.drop_bot_role("anna")
    await database.provisioner.drop_bot_role("anna")
    await database.provisioner.fence("anna")
    assert not await raw.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", first)
    with pytest.raises(NotFoundError, match="nobody"):
        await database.provisioner.rotate("nobody")


async def test_the_password_never_reaches_the_server_in_clear(database: Database) -> None:
    """What a server logs at worst is the statement's text; the verifier is all there is in it."""
    bot = await database.add_bot()
    raw = await database.connect()
    stored = await raw.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = $1", bot.role_name)
    assert stored.startswith("SCRAM-SHA-256$4096:")
    await (await connect(bot.url, "test")).close(timeout=5)


async def test_a_rotation_that_crashed_is_finished_by_the_next(database: Database) -> None:
    bot = await database.add_bot()
    raw = await database.connect()
    await raw.execute(f"ALTER ROLE {bot.role_name} NOLOGIN")  # as far as the first try came
    login = await database.provisioner.rotate("anna")
    await (await connect(login.url, "test")).close(timeout=5)


async def test_the_server_is_told_to_end_idle_sessions_of_bots(database: Database) -> None:
    """The server notices by itself, for nobody else can: a bot has one session, and a network may swallow its end."""
    bot = await database.add_bot("anna")
    raw = await connect(bot.url, "test")
    try:
        assert await raw.fetchval("SHOW idle_session_timeout") == "10s"
    finally:
        await raw.close()
