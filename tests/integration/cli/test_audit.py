"""`hanfleet audit`: the list over the API; verify and export on a home's database, after an import."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from hanfleet.cli.front import run
from hanfleet.store.addresses import connect
from tests.integration.cli.conftest import Command, _group
from tests.support.legacy import SAMPLE


@pytest.fixture
def audit(api_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return _group("audit", api_url, monkeypatch, capsys)


async def _execute(url: str, statement: str) -> None:
    connection = await connect(url, "test")
    await connection.execute(statement)
    await connection.close(timeout=5)


async def _value(url: str, query: str) -> Any:
    connection = await connect(url, "test")
    found = await connection.fetchval(query)
    await connection.close(timeout=5)
    return found


async def test_the_list(audit: Command, bots: Command, bot_id: str, tmp_path: Path) -> None:
    unknown = await audit("list", "--bot", bot_id)
    assert (unknown.status, f"There is no bot {bot_id}, and no entry of one" in unknown.err) == (3, True)
    key = tmp_path / "hash"
    key.write_text("0123456789abcdef0123456789abcdef")
    added = await bots(
        "add", "--id", bot_id, "--name", "Mira", "--api-id", "1", "--api-hash-file", str(key), "--phone", "+15550100"
    )
    assert added.status == 0, added.err
    shown = await audit("list", "--bot", bot_id)
    assert shown.status == 0
    assert f"operator:owner  insert bot     {bot_id}" in shown.out
    entries = json.loads((await audit("list", "--bot", bot_id, "--json")).out)
    assert len(entries) == len(shown.out.splitlines()) - 1
    assert len(json.loads((await audit("list", "--bot", bot_id, "-n", "1", "--json")).out)) == 1
    assert json.loads((await audit("list", "--bot", bot_id, "--until", "2020-01-01", "--json")).out) == []
    none_then = await audit("list", "--bot", bot_id, "--until", "2020-01-01")
    assert (none_then.status, none_then.err) == (0, "No such entries.\n")
    assert (await audit("list", "--action", "drop")).status == 2
    nameless = await audit("list", "--principal", "owner")
    assert (nameless.status, "such as operator:owner, bot:mira" in nameless.err) == (2, True)


def test_verify_and_export_without_a_fleet(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    monkeypatch.setenv("HANFLEET_DATABASE_URL", url)
    at_home = ["--home", str(tmp_path / "home")]
    assert run(["import-legacy", str(SAMPLE), "--bot", "mira", *at_home]) == 0
    capsys.readouterr()

    # An import is one entry, whatever it brings.
    assert run(["audit", "verify", "--json", *at_home]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["entries"], told["chains"], told["exported_heads"], told["unexported"]) == (1, 1, 0, 1)
    assert run(["audit", "verify", *at_home]) == 0
    assert "There are no exported heads" in capsys.readouterr().err

    copy = tmp_path / "copy.jsonl"
    assert run(["audit", "export", *at_home]) == 0
    capsys.readouterr()
    assert run(["audit", "export", "--to", str(copy), "--json", *at_home]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(copy), "moved": 1}
    assert (tmp_path / "home/audit/heads.jsonl").stat().st_mode & 0o777 == 0o600
    assert run(["audit", "verify", "--heads", str(copy), *at_home]) == 0
    assert "1 entry in 1 chain, compared with 2 exported heads" in capsys.readouterr().out

    # A disk that is not mounted has no such folder: to make it would put the copy beside the original.
    unmounted = tmp_path / "elsewhere"
    assert run(["audit", "export", "--to", str(unmounted / "heads.jsonl"), *at_home]) == 2
    assert f"There is no folder {unmounted}: mount the disk" in capsys.readouterr().err
    assert not unmounted.exists()

    # The owner role takes the last entry away with its head: the file tells, and so does the copy alone.
    asyncio.run(_execute(url, "DELETE FROM audit; DELETE FROM audit_chains"))
    assert run(["audit", "verify", *at_home]) == 1
    assert "bot:mira  1      it and what came after it are missing at the end" in capsys.readouterr().out
    (tmp_path / "home/audit/heads.jsonl").unlink()
    assert run(["audit", "verify", *at_home]) == 0
    capsys.readouterr()
    assert run(["audit", "verify", "--heads", str(copy), "--json", *at_home]) == 1
    assert json.loads(capsys.readouterr().out)["breaks"] == [{"chain": "bot:mira", "seq": 1, "fault": "cut"}]
    assert run(["audit", "verify", "--heads", str(tmp_path / "nowhere"), *at_home]) == 2


def test_a_copy_of_the_heads_in_which_none_can_be_read_is_refused(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    monkeypatch.setenv("HANFLEET_DATABASE_URL", url)
    at_home = ["--home", str(tmp_path / "home")]
    assert run(["import-legacy", str(SAMPLE), "--bot", "mira", *at_home]) == 0
    copy = tmp_path / "copy.jsonl"
    assert run(["audit", "export", "--to", str(copy), *at_home]) == 0
    capsys.readouterr()
    sound = copy.read_bytes()
    nothing = sound.replace(b'"seq": 1', b'"seq": 0'), sound[:-20], b"[" * 100_000, sound.replace(b": 1", b": 1e999")
    for content in (b"", b"\n\n", b"garbage\n\xff\n{}\n", *nothing):
        copy.write_bytes(content)
        assert run(["audit", "verify", "--heads", str(copy), *at_home]) == 2, content[:99]
        told = capsys.readouterr()
        assert (told.out, f"No exported head can be read in {copy}" in told.err) == ("", True)

    # What can be read counts, and what cannot is named.
    copy.write_bytes(b"garbage\n\n" + sound + b"{}\n" * 9)
    assert run(["audit", "verify", "--heads", str(copy), *at_home]) == 0
    lines = ", ".join(f"{copy}:{number}" for number in (1, 4, 5, 6, 7))
    assert f"left out: 10 lines of exported heads ({lines}, …)" in capsys.readouterr().err
    assert run(["audit", "verify", "--heads", str(copy), "--json", *at_home]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["exported_heads"], found["unreadable_lines"][:2]) == (1, [f"{copy}:1", f"{copy}:4"])


def test_verify_and_export_take_the_database_as_it_stands_without_the_master_key(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    monkeypatch.setenv("HANFLEET_DATABASE_URL", url)
    home = tmp_path / "home"
    at_home = ["--home", str(home)]
    assert run(["import-legacy", str(SAMPLE), "--bot", "mira", *at_home]) == 0
    (home / "master.key").unlink()

    # What a bootstrap would take back, as it does at a fleet's next start.
    asyncio.run(_execute(url, "GRANT CREATE ON SCHEMA public TO PUBLIC"))
    assert run(["audit", "verify", *at_home]) == 0
    assert run(["audit", "export", *at_home]) == 0
    assert run(["audit", "verify", *at_home]) == 0
    assert "1 entry in 1 chain, compared with 1 exported head." in capsys.readouterr().out
    assert asyncio.run(_value(url, "SELECT has_schema_privilege('public', 'public', 'CREATE')"))
    assert not (home / "master.key").exists()

    # Neither is an older schema moved, nor a lost password made anew.
    asyncio.run(_execute(url, "UPDATE alembic_version SET version_num = '0004'"))
    assert run(["audit", "verify", *at_home]) == 2
    assert "run hanfleet db upgrade" in capsys.readouterr().err
    asyncio.run(_execute(url, "DROP TABLE alembic_version"))
    assert run(["audit", "verify", *at_home]) == 3
    assert "hanfleet up makes one" in capsys.readouterr().err
    (home / "secrets.json").unlink()
    assert run(["audit", "verify", *at_home]) == 1
    assert "does not hold the password of the database's owner role" in capsys.readouterr().err
    assert not (home / "secrets.json").exists()
