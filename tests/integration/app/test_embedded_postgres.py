"""The embedded PostgreSQL: what it lets in, what it survives, and what it never touches."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from asyncpg.exceptions import OutOfMemoryError
from sqlalchemy.engine import make_url

from hanfleet.app.embedded import EmbeddedPostgres
from hanfleet.app.embedded.server import processes_in
from hanfleet.app.home import Home
from hanfleet.app.master_key import make_key
from hanfleet.core.errors import ConflictError, PermanentError
from tests.support.waiting import eventually


@pytest.fixture
async def postgres(home: Home) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(home, bots=5, durable=False)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


async def _run(url: str, *statements: str) -> object:
    connection = await asyncpg.connect(url)  # type: ignore[no-untyped-call]
    try:
        value = None
        for statement in statements:
            value = await connection.fetchval(statement)
        return value
    finally:
        await connection.close()


async def test_it_is_set_up_as_we_want_it(postgres: EmbeddedPostgres) -> None:
    url = postgres.url
    assert await _run(url, "show max_connections") == "150"
    assert await _run(url, "show authentication_timeout") == "5s"
    assert await _run(url, "show server_encoding") == "UTF8"
    assert await _run(url, "show data_checksums") == "on"
    assert await _run(url, "show jit") == "off"
    assert await _run(url, "show listen_addresses") == ""
    assert await _run(url, "select datlocprovider::text || datlocale from pg_database where datname = 'postgres'") == (
        "bC.UTF-8"
    )


async def test_durability_is_on_unless_a_test_gives_it_up(home: Home) -> None:
    server = EmbeddedPostgres(home, bots=5)
    try:
        await server.start()
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await _run(server.url, f"show {setting}") == "on"
    finally:
        await server.stop()


async def test_nobody_gets_in_without_the_password(postgres: EmbeddedPostgres) -> None:
    host = str(postgres.sockets)
    for password in ("", "wrong"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(host=host, user="admin", password=password, database="postgres")  # type: ignore[no-untyped-call]
    assert (postgres.data.stat().st_mode & 0o077) == 0


async def test_only_the_administrator_gets_into_the_databases_that_every_server_has(postgres: EmbeddedPostgres) -> None:
    """Nothing was taken from PUBLIC there. The second half shows that a hostile bot could do harm."""
    admin = make_url(postgres.url)
    await _run(postgres.url, "CREATE ROLE mallory LOGIN PASSWORD 'x'", "CREATE DATABASE fleet")
    mallory = admin.set(username="mallory", password="x")
    assert await _run(mallory.set(database="fleet").render_as_string(hide_password=False), "SELECT 1") == 1
    for database in ("postgres", "template1"):
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="rejects connection"):
            await _run(mallory.set(database=database).render_as_string(hide_password=False), "SELECT 1")
        await _run(admin.set(database=database).render_as_string(hide_password=False), "SELECT 1")
    hba = Path(str(await _run(postgres.url, "SHOW hba_file")))
    hba.write_text("local all all scram-sha-256\n")
    await _run(postgres.url, "SELECT pg_reload_conf()")

    async def harms() -> bool:
        with suppress(asyncpg.InvalidAuthorizationSpecificationError):
            url = mallory.set(database="postgres").render_as_string(hide_password=False)
            return bool(await _run(url, "SELECT pg_try_advisory_lock(1)"))
        return False

    await eventually(harms)


async def test_values_do_not_reach_the_log(postgres: EmbeddedPostgres) -> None:
    await _run(postgres.url, "create table letters (body text unique)", "insert into letters values ('dear diary')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await _run(postgres.url, "insert into letters values ('dear diary')")
    assert "dear diary" not in postgres.log.read_text()


async def test_killed_in_the_middle_it_comes_back_with_every_acknowledged_row(home: Home) -> None:
    server = EmbeddedPostgres(home, bots=5)
    try:
        await server.start()
        await _run(server.url, "create table rows (n int primary key)")
        acknowledged: list[int] = []

        async def write() -> None:
            connection = await asyncpg.connect(server.url)  # type: ignore[no-untyped-call]
            for n in range(100_000):
                await connection.execute("insert into rows values ($1)", n)
                acknowledged.append(n)

        writing = asyncio.create_task(write())
        await eventually(lambda: len(acknowledged) > 50)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert await server.wait() == -signal.SIGKILL
        assert server.pid is None
        # The last one is what asyncpg makes of a connection that breaks in the middle of a query, now and then.
        with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InternalClientError)):
            await writing
        started = time.monotonic()
        await server.start()
        took = time.monotonic() - started
        assert took < 5, "the machine may be busy; idle it takes 0.15 s"
        assert await _run(server.url, f"select count(*) from rows where n <= {acknowledged[-1]}") == len(acknowledged)
    finally:
        await server.stop()


async def test_stop_and_start_keep_the_data_and_the_second_start_is_harmless(postgres: EmbeddedPostgres) -> None:
    await _run(postgres.url, "create table kept as select 1 as one")
    await postgres.stop()
    assert processes_in(postgres.data) == []
    await postgres.start()
    pid = postgres.pid
    await postgres.start()
    assert postgres.pid == pid
    assert await _run(postgres.url, "select one from kept") == 1


async def test_no_query_spreads_over_several_processes(postgres: EmbeddedPostgres) -> None:
    """A hostile bot would be watched in one of them only. The second half shows that the attack is one."""
    attack = (
        "SET debug_parallel_query = on",
        "EXPLAIN (ANALYZE, COSTS OFF, FORMAT JSON) SELECT count(*) FROM pg_class",
    )
    assert '"Workers Launched": 0' in str(await _run(postgres.url, *attack))
    await _run(postgres.url, "ALTER SYSTEM SET max_worker_processes = 2")
    await postgres.stop()
    await postgres.start()
    assert '"Workers Launched": 1' in str(await _run(postgres.url, *attack))


async def test_who_does_not_log_in_is_hung_up_on(postgres: EmbeddedPostgres) -> None:
    """And stays for as long as it likes where the limit is far away."""
    admin = await asyncpg.connect(postgres.url)  # type: ignore[no-untyped-call]
    path = f"{parse_qs(urlsplit(postgres.url).query)['host'][0]}/.s.PGSQL.5432"
    with socket.socket(socket.AF_UNIX) as lifted, socket.socket(socket.AF_UNIX) as silent:
        for client, limit in ((lifted, "10min"), (silent, "1s")):
            await admin.execute(f"ALTER SYSTEM SET authentication_timeout = '{limit}'")
            await admin.execute("SELECT pg_reload_conf()")
            await eventually(partial(_shows, postgres.url, "authentication_timeout", limit))
            client.connect(path)
        silent.settimeout(10)
        assert await asyncio.to_thread(silent.recv, 1) == b""
        lifted.setblocking(False)
        with pytest.raises(BlockingIOError):
            lifted.recv(1)
    await admin.close()


async def _shows(url: str, name: str, value: str) -> bool:
    return await _run(url, f"SHOW {name}") == value


async def test_no_process_of_it_takes_all_memory(postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value may have a gigabyte, so each session could take several. The second half shows what stops that."""
    large = "SELECT length(repeat('x', 540000000))"
    with pytest.raises(OutOfMemoryError):
        await _run(postgres.url, large)
    assert await _run(postgres.url, "SELECT length(repeat('x', 100000000))") == 100_000_000
    monkeypatch.setattr(EmbeddedPostgres, "largest_process_bytes", None)
    await postgres.stop()
    await postgres.start()
    assert await _run(postgres.url, large) == 540_000_000


async def test_stopping_does_not_wait_for_clients(postgres: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(postgres.url)  # type: ignore[no-untyped-call]
    try:
        async with asyncio.timeout(10):
            await postgres.stop()
    finally:
        connection.terminate()


async def test_a_second_server_on_the_home_is_refused(home: Home, postgres: EmbeddedPostgres) -> None:
    with pytest.raises(ConflictError, match=r"Another hanfleet uses .* --home\.$"):
        await EmbeddedPostgres(home).start()
    assert await _run(postgres.url, "select 1") == 1


async def test_a_stale_pid_file_that_names_a_stranger_harms_nobody(postgres: EmbeddedPostgres) -> None:
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGKILL)
    await postgres.wait()
    await eventually(lambda: not processes_in(postgres.data))
    # The stranger has the servers' account, so that PostgreSQL could take it for one of its own.
    owner = postgres.data.stat()
    stranger = subprocess.Popen(["sleep", "60"], user=owner.st_uid, group=owner.st_gid)
    try:
        for lock in (postgres.data / "postmaster.pid", postgres.sockets / ".s.PGSQL.5432.lock"):
            lines = lock.read_text().splitlines()
            lock.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        await postgres.start()
        assert await _run(postgres.url, "select 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_locale_that_does_not_exist_changes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "xx_YY.nonsense")
    monkeypatch.delenv("LANG", raising=False)
    server = EmbeddedPostgres(home, durable=False)
    try:
        await server.start()
        assert await _run(server.url, "show server_encoding") == "UTF8"
    finally:
        await server.stop()


async def test_a_database_without_its_password_is_refused(home: Home, postgres: EmbeddedPostgres) -> None:
    await postgres.stop()
    (home.path / "secrets.json").unlink()
    with pytest.raises(
        PermanentError, match=r"secrets.json does not hold its password: put .* or remove /.* to begin anew"
    ):
        await postgres.start()


async def test_a_home_that_has_lost_its_database_does_not_begin_anew_by_itself(
    home: Home, postgres: EmbeddedPostgres
) -> None:
    await postgres.stop()
    make_key(home)
    shutil.rmtree(postgres.data)
    with pytest.raises(PermanentError, match=rf"is missing from {postgres.data}: put it back, or, to begin anew"):
        await postgres.start()
    (home.path / "secrets.json").unlink()
    await postgres.start()


async def test_what_keeps_it_from_starting_is_said(postgres: EmbeddedPostgres) -> None:
    await postgres.stop()
    (postgres.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(PermanentError, match=r"postgres did not start: .*FATAL.*logs/postgres.log"):
        await postgres.start()
    assert postgres.pid is None
    (postgres.data / "PG_VERSION").write_text("18\n")
    await postgres.start()


async def test_a_start_that_was_cut_short_is_begun_again(home: Home) -> None:
    server = EmbeddedPostgres(home, durable=False)
    starting = asyncio.create_task(server.start())
    await eventually(lambda: server.data.with_name("data.new").exists())
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not server.data.exists()
    try:
        await server.start()
        assert await _run(server.url, "select 1") == 1
    finally:
        await server.stop()


_PARENT = """
import asyncio, sys
from pathlib import Path
from hanfleet.app.embedded import EmbeddedPostgres
from hanfleet.app.home import Home

async def main():
    server = EmbeddedPostgres(Home.open(Path(sys.argv[1])), durable=False)
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_it_goes_with_a_killed_parent_and_the_next_one_takes_over_at_once(home: Home) -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(home.path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await asyncio.to_thread(parent.stdout.readline))
    assert Path(f"/proc/{pid}").exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    server = EmbeddedPostgres(home, durable=False)
    try:
        await server.start()
        assert pid not in processes_in(server.data), "the old one is gone before the new one starts"
        assert await _run(server.url, "select 1") == 1
    finally:
        await server.stop()
