"""The command itself: on a server that was given, and on a home's own one, alone or beside a fleet."""

import asyncio
import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from hanfleet.app.embedded import EmbeddedPostgres
from hanfleet.app.erasure_ledger import ledger_of
from hanfleet.app.home import CommandAtWorkError, Home
from hanfleet.app.legacy_import import open_workbench
from hanfleet.app.settings import load_settings
from hanfleet.cli.front import run
from hanfleet.store.ledger import Entry
from tests.support.database import SYSTEM
from tests.support.legacy import ENV, NOW, SAMPLE, message, write, write_session


def test_the_way_there_and_back(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_DATABASE_URL", url)
    monkeypatch.setenv("HANFLEET_LANG", "en")
    report = tmp_path / "odd.json"
    there = ["import-legacy", str(SAMPLE), "--bot", "mira", "--home", str(tmp_path / "home")]

    assert run([*there, "--report", str(report)]) == 0
    said = capsys.readouterr().out
    assert "Imported to bot mira: 6 contacts, 48 messages, 11 metrics, 0 sessions." in said
    assert "no usable .env: before its first start, hanfleet bots configure mira" in said
    assert {entry["file"] for entry in json.loads(report.read_text())} == {"metrics.json", ""}
    assert report.stat().st_mode & 0o777 == 0o600
    assert run(there) == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert run([*there, "--verify"]) == 0
    assert "text for text" in capsys.readouterr().out

    other = tmp_path / "other"
    write(other / "conversations/5.json", [message(0, "only here")])
    assert run(["import-legacy", str(other), *there[2:], "--verify"]) == 1
    assert "1 difference from bot mira" in capsys.readouterr().out

    assert run(["import-legacy", str(tmp_path / "deleted"), *there[2:], "--rollback"]) == 0
    assert "Taken back from bot mira: 6 contacts, 48 messages, 11 metrics." in capsys.readouterr().out
    assert run([*there, "--rollback"]) == 3
    assert "Nothing was imported" in capsys.readouterr().err


def test_as_json_the_document_stands_alone(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_DATABASE_URL", url)
    monkeypatch.setenv("HANFLEET_LANG", "en")
    there = ["import-legacy", str(SAMPLE), "--bot", "mira", "--home", str(tmp_path / "home"), "--json"]

    def asked(*more: str, status: int = 0) -> tuple[dict[str, Any], str]:
        assert run([*there, *more]) == status
        said = capsys.readouterr()
        return json.loads(said.out), said.err

    odd = {"count": 2, "by_reason": {"the same metrics twice": 1, "the settings make no bot": 1}}
    found, beside = asked("--dry-run")
    counts = {"chats": 6, "messages": 48, "metrics": 11, "sessions": 0}
    assert found == {"bot_id": "mira", "counts": counts, "oddities": odd}
    assert "Found: 6 chats" in beside
    brought, beside = asked()
    assert (brought["counts"]["contacts"], brought["counts"]["messages"], brought["oddities"]["count"]) == (6, 48, 2)
    assert "Imported to bot mira" in beside
    assert asked()[0]["counts"] == {}
    assert asked("--verify")[0] == {"bot_id": "mira", "differences": [], "oddities": odd}
    other = tmp_path / "other"
    write(other / "conversations/5.json", [message(0, "only here")])
    there[1] = str(other)
    different, beside = asked("--verify", status=1)
    assert [one["record"] for one in different["differences"]] == ["chat 5"]
    assert "1 difference from bot mira" in beside
    assert asked("--rollback")[0]["counts"]["messages"] == 48


def test_who_was_erased_does_not_come_back(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_DATABASE_URL", url)
    root = tmp_path / "old"
    for chat_id in (5, 6):
        write(root / f"girls_data/{chat_id}.json", {"chat_id": chat_id, "name": "Ann"})
        write(root / f"conversations/{chat_id}.json", [message(0, "x"), "broken"])
        write(root / f"backups/{chat_id}/2025-06-01.json", {"messages": [message(1, "y")]})
    write(root / "girls_data/5.backup.json", '{"chat_id": 5, "name": "An')
    write_session(root / "han_session.session")  # it knows 5
    there = ["import-legacy", str(root), "--bot", "mira", "--home", str(tmp_path / "home")]
    home = Home.open(tmp_path / "home")
    ledger = ledger_of(home)
    ledger.append(Entry(ledger.contact_mark("mira", 5), NOW))
    for mode in ("--dry-run", "--json", "--verify"):
        assert run([*there, mode, "--json"]) == (1 if mode == "--verify" else 0)
        said = json.loads(capsys.readouterr().out)
        assert [one["record"] for one in said.get("differences", [])] == ["conversations/6.json"] * (mode == "--verify")
        assert said["oddities"]["by_reason"]["was erased"] == 1
        assert said.get("counts", {"messages": 2})["messages"] == 2

    async def stored() -> str:
        async with open_workbench(load_settings(home=home.path)) as bench, bench.store.transaction(SYSTEM) as tx:
            assert [contact.chat_id for contact in await tx.contacts.list("mira")] == [6]
            session = await tx.sessions.load("mira")
            assert session is not None
            assert await tx.erasures.contacts("mira") == [(6, ANY)]
            return json.dumps(await tx.imports.kept("mira"))

    assert "5.backup.json" not in asyncio.run(stored())
    assert run(["import-legacy", str(root), "--bot", "other", "--home", str(home.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["contacts"] == 2


def test_a_home_in_the_old_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    monkeypatch.chdir(tmp_path)
    write(tmp_path / ".env", ENV)
    for mode in ([], ["--verify"], ["--start"]):
        for home in (tmp_path / "a" / "home", Path("home"), tmp_path):
            assert run(["import-legacy", ".", "--bot", "mira", "--home", str(home), *mode]) == 2
            assert "is inside the old folder, which is only read" in capsys.readouterr().err
    assert run(["import-legacy", ".", "--bot", "mira", "--home", "home", "--dry-run"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [".env"]
    capsys.readouterr()


def test_a_home_without_room_is_one_sentence(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setenv("HANFLEET_DATABASE_URL", url)
    monkeypatch.setattr("hanfleet.app.folders._write", full)
    assert run(["import-legacy", str(SAMPLE), "--bot", "mira", "--home", str(tmp_path / "home")]) == 1
    assert "secrets.json cannot be used (Disk quota exceeded): mend that" in capsys.readouterr().err


def test_an_unwritable_report_is_refused_before_anything_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("HANFLEET_LANG", "en")
    home = tmp_path / "home"
    nowhere = str(tmp_path / "none" / "odd.json")
    assert run(["import-legacy", str(SAMPLE), "--home", str(home), "--report", nowhere]) == 2
    assert "cannot be written (No such file or directory)" in capsys.readouterr().err
    assert not home.exists()


def test_the_report_is_private_and_what_fails_leaves_it_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    report, new = tmp_path / "odd.json", tmp_path / "new.json"
    report.write_text("what an earlier run wrote, and longer than any report of this one: " + "x" * 5_000)
    report.chmod(0o644)
    before = report.read_text()
    for path in (report, new):
        assert run(["import-legacy", str(tmp_path / "no folder"), "--dry-run", "--report", str(path)]) == 3
    assert report.read_text() == before
    assert not new.exists()
    assert run(["import-legacy", str(SAMPLE), "--dry-run", "--report", str(report)]) == 0
    assert json.loads(report.read_text())[0]["file"] == "metrics.json"
    assert report.stat().st_mode & 0o777 == 0o600
    capsys.readouterr()


def test_a_report_that_cannot_be_ended_says_what_stands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    assert run(["import-legacy", str(SAMPLE), "--dry-run", "--report", "/dev/full"]) == 1
    assert "No space left on device" in capsys.readouterr().err


def test_a_dry_run_needs_nothing_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("HANFLEET_LANG", "ru")
    home = tmp_path / "home"
    assert run(["import-legacy", str(SAMPLE), "--dry-run", "--home", str(home)]) == 0
    assert "Найдено: чатов 6, сообщений 48" in capsys.readouterr().out
    assert not home.exists()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--dry-run", "--verify"], 2),
        (["--bot", "No Id", "--dry-run"], 2),
        (["--dry-run", "--report", str(SAMPLE / "odd.json")], 2),
        (["--rollback", "--bot", "mira", "--report", "odd.json"], 2),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import-legacy", str(SAMPLE), *arguments]) == status
    assert capsys.readouterr().err
    assert not (SAMPLE / "odd.json").exists()


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import-legacy", str(tmp_path / "no"), "--dry-run"]) == 3
    assert "There is no folder" in capsys.readouterr().err


def test_a_folder_that_is_closed_to_us_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)
    # Nothing is closed to root, but to root without these two capabilities.
    caps = "-dac_override,-dac_read_search"
    drop = [] if os.geteuid() else ["setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}"]

    def asked(folder: str, mode: str) -> tuple[int, str]:
        command = [*drop, sys.executable, "-m", "hanfleet", "import-legacy", str(tmp_path / folder), mode]
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "HANFLEET_LANG": "en"}
        )
        return ended.returncode, ended.stderr

    try:
        told = [asked("closed", "--dry-run"), asked("closed/old", "--rollback")]
    finally:
        # Who clears old runs away looks into it.
        (tmp_path / "closed").chmod(0o700)
    for (status, said), (wanted, words) in zip(
        told, [(2, "cannot be looked into (Permission denied)"), (3, "name it with --bot")], strict=True
    ):
        assert (status, words in said) == (wanted, True)


def test_a_folder_of_something_else_makes_no_bot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    home = tmp_path / "home"
    assert run(["import-legacy", str(SAMPLE / "girls_data"), "--bot", "mira", "--home", str(home)]) == 2
    assert f"did you mean its parent, {SAMPLE}?" in capsys.readouterr().err
    write(tmp_path / "documents/letters/1.txt", "Dear Sir")
    for asked in ([], ["--dry-run"], ["--verify"]):
        assert run(["import-legacy", str(tmp_path / "documents"), "--bot", "mira", "--home", str(home), *asked]) == 2
        assert "holds nothing of the old bot" in capsys.readouterr().err
    assert not home.exists()


@pytest.mark.parametrize(
    "name", ["girls_data.json", "girls_data/5.json", "conversations/5.json", "backups/5/a.json", "metrics.json",
             "fields.json", "persona.txt", "other.session", "settings"],
)  # fmt: skip
def test_one_of_the_old_names_is_enough(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / name, "")
    assert run(["import-legacy", str(tmp_path), "--bot", "mira", "--dry-run", "--env", "settings"]) == 0
    capsys.readouterr()


def test_a_rollback_without_folder_and_bot_asks_for_the_bot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    assert run(["import-legacy", str(tmp_path / "deleted"), "--rollback"]) == 3
    assert "name it with --bot" in capsys.readouterr().err


async def test_a_home_is_used_alone_or_beside_the_fleet_that_holds_it() -> None:
    home = Home.temporary()
    server = EmbeddedPostgres(home, durable=False)
    try:
        settings = load_settings(home=home.path)
        with home.lock():
            await server.start()
            async with open_workbench(settings) as first, open_workbench(settings) as second:
                async with first.store.transaction(SYSTEM) as tx:
                    await tx.bots.add("anna", {"name": "Anna"})
                async with second.store.transaction(SYSTEM) as tx:
                    assert await tx.bots.get("anna") is not None
            await server.stop()
        async with open_workbench(settings):
            with pytest.raises(CommandAtWorkError, match="wait until it has ended"):
                await open_workbench(settings).__aenter__()
    finally:
        await server.stop()
        home.destroy()
