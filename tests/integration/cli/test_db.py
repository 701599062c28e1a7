"""`hanfleet db` on a server that was given: where the schema stands, up and down, and what refuses."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hanfleet.app.home import Home
from hanfleet.app.home_database import passwords_of
from hanfleet.cli.front import run
from hanfleet.core.errors import ConflictError
from hanfleet.store.addresses import connect
from hanfleet.store.admin import bootstrap
from hanfleet.store.migrations import HEAD, REVISIONS
from tests.support.legacy import SAMPLE
from tests.support.ports import free_port

Db = Callable[..., tuple[int, str, str]]


async def _value(url: str, query: str) -> Any:
    connection = await connect(url, "test")
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close(timeout=5)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


@pytest.fixture
def db(
    url: str, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs one command: exit status, output, what was said beside it."""
    monkeypatch.setenv("HANFLEET_DATABASE_URL", url)
    monkeypatch.setenv("HANFLEET_LANG", "en")

    def command(*arguments: str) -> tuple[int, str, str]:
        status = run([*arguments, "--home", str(home.path)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


def test_down_and_up_by_command(db: Db, url: str, home: Home) -> None:
    assert db("db", "status")[:2] == (0, "There is no schema yet: hanfleet up makes it.\n")
    assert db("db", "downgrade", "--to", "0001", "--yes")[0] == 3
    asyncio.run(bootstrap(url, passwords_of(home)))
    status, shown, _ = db("db", "status", "--json")
    assert (status, json.loads(shown)) == (
        0,
        {"revision": HEAD, "known": HEAD, "verdict": "current", "pending": []},
    )
    assert f"at revision {HEAD}, as this release needs it" in db("db", "upgrade")[1]

    status, shown, said = db("db", "downgrade", "--to", "0001")
    assert status == 2
    assert "would be lost for good" in shown
    assert ["imports", "(whole", "table)", "0"] in [line.split() for line in shown.splitlines()]
    assert "Nothing was changed" in said
    assert asyncio.run(_value(url, "SELECT version_num FROM alembic_version")) == HEAD

    status, shown, _ = db("db", "downgrade", "--to", "0001", "--yes", "--json")
    assert status == 0
    assert {"table": "imports", "column": None, "rows": 0, "whole": True} in json.loads(shown)["lost"]

    status, shown, _ = db("db", "status", "--json")
    assert status == 1
    assert [one["revision"] for one in json.loads(shown)["pending"]] == list(REVISIONS[1:])
    assert "What imports of the old bot's data brought." in db("db", "status")[1]

    assert f"went from 0001 to revision {HEAD}" in db("db", "upgrade")[1]
    assert db("db", "status")[0] == 0
    assert db("db", "downgrade", "--to", "base", "--yes")[0] == 2


def test_the_audit_trail_goes_with_its_exported_heads(db: Db, home: Home) -> None:
    assert db("import-legacy", str(SAMPLE), "--bot", "mira")[0] == 0
    assert db("audit", "export")[0] == 0
    exported = home.audit_heads.read_bytes()

    status, shown, _ = db("db", "downgrade", "--to", "0002")
    assert status == 2
    assert "The whole audit trail would go." in shown
    assert f"Its exported heads, {home.audit_heads}, would be set aside" in shown
    assert db("audit", "verify")[0] == 0
    assert "trail" not in db("db", "downgrade", "--to", "0004")[1]

    status, shown, _ = db("db", "downgrade", "--to", "0002", "--yes")
    assert status == 0
    (aside,) = home.audit_heads.parent.iterdir()
    assert aside.name.startswith("heads-until-2")
    assert aside.read_bytes() == exported
    assert f"set aside, as {aside}" in shown
    assert db("db", "upgrade")[0] == 0
    assert db("audit", "verify")[0] == 0
    told = json.loads(db("db", "downgrade", "--to", "0002", "--yes", "--json")[1])
    assert (told["audit_trail_lost"], told["audit_heads"]) == (True, None)


def test_what_refuses_an_older_schema_changes_nothing(db: Db, url: str, home: Home, tmp_path: Path) -> None:
    asyncio.run(bootstrap(url, passwords_of(home)))
    assert db("db", "downgrade", "--to", REVISIONS[-2], "--yes")[0] == 0
    old = tmp_path / "old"
    (old / "conversations").mkdir(parents=True)
    for command in (("up", "--api-port", str(free_port())), ("import-legacy", str(old))):
        # As a process: `up` takes signals and logging over, and what a test process logs later would go there too.
        ended = subprocess.run(
            [sys.executable, "-m", "hanfleet", *command, "--home", str(home.path)],
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "500"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        said = ended.stderr
        assert ended.returncode == 2
        assert f"is at revision {REVISIONS[-2]}, which is older than this release needs ({HEAD})" in said
        assert "then run hanfleet db upgrade" in said
        assert "HANFLEET_DATABASE_URL" not in said
    assert asyncio.run(_value(url, "SELECT version_num FROM alembic_version")) == REVISIONS[-2]


def test_a_newer_schema_is_shown_and_left_alone(db: Db, url: str, home: Home) -> None:
    asyncio.run(bootstrap(url, passwords_of(home)))
    asyncio.run(_value(url, "UPDATE alembic_version SET version_num = '9999'"))
    status, shown, _ = db("db", "status")
    assert status == 1
    assert "at revision 9999, newer than" in shown
    for command in (("upgrade",), ("downgrade", "--to", "0001", "--yes")):
        status, _, said = db("db", *command)
        assert status == 2
        assert "revision 9999, which is newer than this release knows" in said


def test_nothing_moves_while_a_fleet_holds_the_home(db: Db, url: str, home: Home) -> None:
    asyncio.run(bootstrap(url, passwords_of(home)))
    with home.lock():
        for command in (("upgrade",), ("downgrade", "--to", "0001", "--yes")):
            status, _, said = db("db", *command)
            assert status == 2
            assert "Another hanfleet (pid" in said
        assert db("db", "status")[0] == 0


def test_a_fleet_elsewhere_on_the_same_database_is_seen(db: Db, url: str, home: Home) -> None:
    made = asyncio.run(bootstrap(url, passwords_of(home)))

    async def beside_a_fleet() -> tuple[int, str, str]:
        connection = await connect(made.urls.supervisor, "hanfleet supervisor")
        try:
            return await asyncio.to_thread(db, "db", "downgrade", "--to", "0001", "--yes")
        finally:
            await connection.close(timeout=5)

    status, _, said = asyncio.run(beside_a_fleet())
    assert status == 2
    assert "A fleet is connected to this database (hanfleet supervisor): stop it" in said


async def test_a_refused_bootstrap_has_changed_no_password(url: str, home: Home) -> None:
    made = await bootstrap(url, passwords_of(home))
    await _value(made.urls.owner, "UPDATE alembic_version SET version_num = '0001'")
    other = Home.temporary()
    try:
        with pytest.raises(ConflictError):
            await bootstrap(url, passwords_of(other))
        assert await _value(made.urls.owner, "SELECT version_num FROM alembic_version") == "0001"
    finally:
        other.destroy()
