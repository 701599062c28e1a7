"""A start that cannot be: one sentence that names what to mend, and whether a person's input was at fault."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from hanfleet.app.bootstrap_main import DATABASE_URL, REDIS_URL
from hanfleet.app.bootstrapping import make_ready
from hanfleet.app.children import child_environment
from hanfleet.app.embedded import EmbeddedPostgres
from hanfleet.app.home import Home
from hanfleet.app.up import SERVICE_ROLES
from hanfleet.core.errors import InvalidInputError, PermanentError
from hanfleet.store.ledger import Ledger
from tests.support.ports import free_port
from tests.support.waiting import eventually

BOTH = (DATABASE_URL, REDIS_URL)
PASSWORDS = dict.fromkeys(SERVICE_ROLES, "unused")


async def _refusal(
    tmp_path: Path, database: str, bus: str, *, named: tuple[str, ...] = BOTH
) -> tuple[type[Exception], str]:
    """What comes of a start with these URLs; passwords in them are ``geheim``."""
    with pytest.raises(PermanentError) as refused:
        await make_ready(
            database,
            bus,
            PASSWORDS,
            ledger=Ledger(tmp_path / "erased.jsonl", bytes(32)),
            named=named,
            environ=child_environment(),
            log=tmp_path / "log",
        )
    assert "geheim" not in str(refused.value)
    return refused.type, str(refused.value)


async def test_a_bus_that_is_down_is_named_with_its_address(tmp_path: Path) -> None:
    port = free_port()
    kind, sentence = await _refusal(tmp_path, "postgresql://", f"redis://ann:geheim@127.0.0.1:{port}/0")
    assert kind is PermanentError
    assert sentence.startswith(f"HANFLEET_REDIS_URL names redis://127.0.0.1:{port}/0, but no server answers there")
    assert "check that it runs" in sentence
    assert "tried again" not in sentence


async def test_a_database_that_is_down_is_named_with_its_address(tmp_path: Path, valkey_url: str) -> None:
    port = free_port()
    kind, sentence = await _refusal(tmp_path, f"postgresql://ann:geheim@127.0.0.1:{port}/fleet", valkey_url)
    assert kind is PermanentError
    assert sentence.startswith(
        f"HANFLEET_DATABASE_URL names postgresql://127.0.0.1:{port}/fleet, but no server answers there"
    )
    assert "trying again" not in sentence


async def test_a_refused_log_in_to_the_bus_is_bad_input(tmp_path: Path, valkey_url: str) -> None:
    wrong = "unix://ann:geheim@" + valkey_url.rpartition("@")[2]
    kind, sentence = await _refusal(tmp_path, "postgresql://", wrong)
    assert kind is InvalidInputError
    assert "refuses the log-in: mend user and password in HANFLEET_REDIS_URL" in sentence


async def test_a_refused_log_in_to_the_database_is_bad_input(
    tmp_path: Path, valkey_url: str, postgres_url: str
) -> None:
    wrong = make_url(postgres_url).set(username="ann", password="geheim")
    kind, sentence = await _refusal(tmp_path, wrong.render_as_string(hide_password=False), valkey_url)
    assert kind is InvalidInputError
    assert sentence.startswith("HANFLEET_DATABASE_URL cannot be used. The database refuses the log-in")


@pytest.mark.parametrize(
    ("database", "bus", "variable"),
    [
        ("postgresql://ann:geheim@localhost:geheim/fleet", None, DATABASE_URL),
        ("postgresql://", "redis://ann:geheim@localhost:geheim/0", REDIS_URL),
    ],
)
async def test_an_unusable_url_is_bad_input(
    tmp_path: Path, valkey_url: str, database: str, bus: str | None, variable: str
) -> None:
    kind, sentence = await _refusal(tmp_path, database, bus or valkey_url)
    assert kind is InvalidInputError
    assert variable in sentence


async def test_a_role_that_is_no_superuser_is_bad_input(tmp_path: Path, home: Home, valkey_url: str) -> None:
    server = EmbeddedPostgres(home, bots=5, durable=False)
    try:
        await server.start()
        admin = await asyncpg.connect(server.url)  # type: ignore[no-untyped-call]
        await admin.execute("CREATE ROLE plain_ann LOGIN PASSWORD 'geheim'")
        # As on a server of one's own; ours lets nobody else in there.
        Path(await admin.fetchval("SHOW hba_file")).write_text("local all all scram-sha-256\n")
        await admin.execute("SELECT pg_reload_conf()")
        await admin.close()
        url = make_url(server.url).set(username="plain_ann", password="geheim").render_as_string(hide_password=False)
        await eventually(lambda: _lets_in(url))
        kind, sentence = await _refusal(tmp_path, url, valkey_url)
    finally:
        await server.stop()
    assert kind is InvalidInputError
    assert sentence.startswith("The role plain_ann of HANFLEET_DATABASE_URL is not a superuser")


async def _lets_in(url: str) -> bool:
    with suppress(asyncpg.InvalidAuthorizationSpecificationError):
        await (await asyncpg.connect(url)).close()  # type: ignore[no-untyped-call]
        return True
    return False


async def test_our_own_server_is_nobodys_input(tmp_path: Path) -> None:
    port = free_port()
    kind, sentence = await _refusal(tmp_path, "postgresql://", f"redis://127.0.0.1:{port}/0", named=())
    assert kind is PermanentError
    assert "HANFLEET" not in sentence


def _up(home: Path) -> tuple[int, str]:
    """`hanfleet up` until it ends by itself: its exit status and what it says on standard error."""
    ended = subprocess.run(
        [sys.executable, "-m", "hanfleet", "up", "--home", str(home), "--api-port", str(free_port())],
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "500"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stderr


async def test_a_home_without_its_secrets_says_where_the_database_is(home: Home) -> None:
    server = EmbeddedPostgres(home, bots=5, durable=False)
    await server.start()
    await server.stop()
    (home.path / "secrets.json").unlink()
    status, said = _up(home.path)
    assert status == 1
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1
    assert f"is in {server.data}" in said
    assert "secrets.json and master.key back" in said
    assert f"remove {home.servers} to begin anew" in said


def test_a_home_that_cannot_be_made_is_bad_input() -> None:
    status, said = _up(Path("/proc/nope"))
    assert status == 2
    assert "choose another home with --home" in said


def test_a_refused_start_ties_the_home_to_no_telegram(tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    ended = subprocess.run(
        [sys.executable, "-m", "hanfleet", "up", "--home", str(tmp_path / "home"), "--api-port", str(free_port())],
        env={
            **os.environ,
            "HANFLEET_DATABASE_URL": f"postgresql://ann@{nowhere}/fleet",
            "HANFLEET_REDIS_URL": f"redis://{nowhere}/0",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "no server answers there" in ended.stderr
    assert not (tmp_path / "home" / "telegram").exists()
