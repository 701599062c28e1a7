"""A database that goes away, stalls or refuses: callers see one of three errors, and no transaction is half done."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from hanfleet.app.embedded import EmbeddedPostgres
from hanfleet.app.home import Home
from hanfleet.core.errors import FencedError, PermanentError, StoreUnavailableError
from hanfleet.kit.clock import ManualClock, SystemClock
from hanfleet.store.admin import Installation, ServicePasswords, bootstrap
from hanfleet.store.principals import BotPrincipal
from hanfleet.store.provisioner import BotLogin
from hanfleet.store.session import Store, Transaction
from tests.support.database import SYSTEM, BotLogIn, Database
from tests.support.waiting import eventually

PASSWORDS = ServicePasswords("o", "s", "a", "p", "r")


async def _record(tx: Transaction) -> None:
    await tx.metrics.record("anna", {"x": 1.0}, SystemClock().now())


async def _terminate(raw: Any, bot: BotLogIn) -> None:
    await raw.fetch("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1", bot.role_name)


async def test_a_terminated_session_is_told_and_the_next_transaction_works(database: Database) -> None:
    bot = await database.add_bot()
    raw = await database.connect()

    async def lose() -> None:
        async with bot.store.transaction(bot.principal) as tx:
            await _record(tx)
            await _terminate(raw, bot)
            await _record(tx)

    with pytest.raises(StoreUnavailableError):
        await lose()
    async with bot.store.transaction(bot.principal) as tx:
        await _record(tx)
    assert await raw.fetchval("SELECT count(*) FROM metrics_data") == 1


@pytest.mark.parametrize("state", ["XX001", "XX002"])
async def test_a_page_that_does_not_read_back_is_told_as_damage(database: Database, state: str) -> None:
    raw = await database.connect(database.urls.owner)
    await raw.execute(
        "CREATE FUNCTION read_it() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION"
        f""" 'invalid page in block 1 of relation "base/1/2"' USING ERRCODE = '{state}'; END $$"""
    )
    store = await database.store(database.urls.owner)
    with pytest.raises(PermanentError, match=r"files are damaged: invalid page in block 1 .* restore a backup"):
        async with store.transaction(SYSTEM) as tx:
            await tx._connection.value(text("SELECT read_it()"))


@pytest.mark.parametrize("state", ["53100", "55P03", "40P01"])
async def test_what_a_living_server_refuses_costs_no_log_in(database: Database, state: str) -> None:
    """Each repeat would log in anew, and a bot that does so over and over looks like an attacker to the watch."""
    bot = await database.add_bot()
    raw = await database.connect()
    await raw.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{state}'; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON metrics_data FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    sessions = "SELECT array_agg(pid) FROM pg_stat_activity WHERE usename = $1"
    async with bot.store.transaction(bot.principal) as tx:
        await tx.bots.get("anna")
    before = await raw.fetchval(sessions, bot.role_name)
    with pytest.raises(StoreUnavailableError):
        await bot.store.run(bot.principal, _record, give_up_after=0.2)
    assert await raw.fetchval(sessions, bot.role_name) == before
    await raw.execute("DROP TRIGGER refuse ON metrics_data")
    await bot.store.run(bot.principal, _record)
    assert await raw.fetchval("SELECT count(*) FROM metrics_data") == 1


async def test_run_repeats_what_a_terminated_session_lost(database: Database) -> None:
    bot = await database.add_bot()
    raw = await database.connect()
    tries = 0

    async def step(tx: Transaction) -> int:
        nonlocal tries
        tries += 1
        await _record(tx)
        if tries < 3:
            await _terminate(raw, bot)
        return tries

    assert await bot.store.run(bot.principal, step) == 3
    assert await raw.fetchval("SELECT count(*) FROM metrics_data") == 1


async def test_a_stalled_server_is_left_after_the_statements_time(database: Database) -> None:
    bot = await database.add_bot(statement_timeout_s=0.5)
    async with bot.store.transaction(bot.principal) as tx:
        await _record(tx)
    raw = await database.connect()
    pid = await raw.fetchval("SELECT pid FROM pg_stat_activity WHERE usename = $1", bot.role_name)
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            async with bot.store.transaction(bot.principal) as tx:
                await _record(tx)
        assert time.monotonic() - started < 5
        async with bot.store.transaction(bot.principal) as tx:  # on a new connection
            await _record(tx)
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_cancelled_transaction_commits_nothing_and_leaves_a_working_store(database: Database) -> None:
    bot = await database.add_bot()
    raw = await database.connect()
    inside = asyncio.Event()

    async def stall() -> None:
        async with bot.store.transaction(bot.principal) as tx:
            await _record(tx)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(stall())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with bot.store.transaction(bot.principal) as tx:
        await tx.bots.get("anna")
    assert await raw.fetchval("SELECT count(*) FROM metrics_data") == 0


async def test_a_transaction_that_is_cancelled_twice_in_a_statement_gives_its_connection_back(
    database: Database,
) -> None:
    bot = await database.add_bot()
    raw, watcher = await database.connect(), await database.connect()

    async def blocked() -> None:
        async with bot.store.transaction(bot.principal) as tx:
            await tx.conversations.due("anna", SystemClock().now())

    async with raw.transaction():
        await raw.execute("LOCK TABLE conversations IN ACCESS EXCLUSIVE MODE")
        task = asyncio.create_task(blocked())
        await eventually(lambda: _waits(watcher, bot))
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await blocked()


async def _waits(raw: Any, bot: BotLogIn) -> bool:
    found = await raw.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND wait_event_type = 'Lock'", bot.role_name
    )
    return bool(found)


async def test_a_fenced_worker_learns_it_and_can_commit_nothing(database: Database) -> None:
    bot = await database.add_bot()

    async def outlive() -> None:
        async with bot.store.transaction(bot.principal) as tx:
            await _record(tx)
            logins.append(await database.provisioner.rotate("anna"))

    logins: list[BotLogin] = []
    with pytest.raises(StoreUnavailableError):
        await outlive()
    with pytest.raises(FencedError, match="anna"):
        await bot.store.run(bot.principal, _record)
    successor = await database.store(logins[0].url)
    await successor.run(bot.principal, _record)
    await database.provisioner.fence("anna")
    with pytest.raises(FencedError):
        await successor.run(bot.principal, _record)
    raw = await database.connect()
    assert await raw.fetchval("SELECT count(*) FROM metrics_data") == 1


async def test_a_service_with_a_wrong_password_gets_a_sentence(database: Database) -> None:
    url = make_url(database.urls.supervisor).set(password="wrong").render_as_string(hide_password=False)
    store = await database.store(url)
    with pytest.raises(PermanentError, match="Check user and password"):
        async with store.transaction(SYSTEM):
            pass


async def test_giving_up_takes_the_time_that_was_given(database: Database) -> None:
    clock = ManualClock()
    store = await database.store("postgresql://u:p@/x?host=/nowhere/at/all", clock=clock)
    with pytest.raises(StoreUnavailableError):
        await store.run(BotPrincipal("anna"), _record, give_up_after=20)
    assert 15 < clock.monotonic() - ManualClock().monotonic() <= 20


@dataclass
class _OwnServer:
    server: EmbeddedPostgres
    installation: Installation


@pytest.fixture
async def own_server() -> AsyncIterator[_OwnServer]:
    """A durable server that a test may kill."""
    home = Home.temporary()
    server = EmbeddedPostgres(home, bots=5)
    try:
        await server.start()
        yield _OwnServer(server, await bootstrap(server.url, PASSWORDS))
    finally:
        await server.stop()
        home.destroy()


async def test_a_killed_server_loses_nothing_that_was_acknowledged(own_server: _OwnServer) -> None:
    store = Store(own_server.installation.urls.api, clock=SystemClock(), application_name="test")
    done = 0
    stop = asyncio.Event()

    async def write() -> None:
        nonlocal done
        while not stop.is_set():
            await store.run(SYSTEM, _record)
            done += 1

    async def reached(count: int) -> None:
        await eventually(lambda: writer.done() or done >= count)

    writer = asyncio.create_task(write())
    for wanted in (20, 40):
        await reached(wanted)
        pid = own_server.server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await own_server.server.wait()
        await own_server.server.stop()
        with pytest.raises(StoreUnavailableError):
            async with store.transaction(SYSTEM):
                pass
        await own_server.server.start()
    await reached(done + 5)
    stop.set()
    await writer
    async with store.transaction(SYSTEM) as tx:
        rows = await tx.metrics.list("anna", "x", ManualClock().now(), limit=100_000)
    # A COMMIT whose answer was lost may have been carried out: those steps ran twice, once for each kill at most.
    assert done <= len(rows) <= done + 2
    await store.close()
