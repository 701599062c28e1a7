"""Commands that need what a home holds refuse a folder that is none, and make nothing there."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hanfleet.app.home import Home
from hanfleet.cli import exits
from hanfleet.cli.front import run
from hanfleet.core.errors import InvalidInputError
from hanfleet.store.ledger import Entry, Ledger

COMMANDS = (
    "db status",
    "db upgrade",
    "db downgrade --to 0001 --yes",
    "backup create",
    "backup list",
    "backup verify",
    "keys status",
    "keys rotate",
    "keys rotate --master",
    "audit list",
    "audit verify",
    "audit export",
    "contacts list mira",
    "contacts erase mira 5 --yes",
    "bots list",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_is_no_home_is_refused(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    monkeypatch.delenv("HANFLEET_API", raising=False)
    monkeypatch.delenv("HANFLEET_API_TOKEN", raising=False)
    (tmp_path / "var" / "backups").mkdir(parents=True)
    for wrong in (tmp_path / "nowhere", tmp_path / "var"):
        assert run([*command.split(), "--home", str(wrong)]) == exits.REFUSED
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith(f"Error: {wrong} is not the home of a fleet: name its folder with --home.")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["backups", "var"]


@pytest.mark.parametrize("command", [*COMMANDS, "up", "bots status mira", "import-legacy ."])
def test_an_empty_home_is_refused(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    monkeypatch.delenv("HANFLEET_API", raising=False)
    monkeypatch.delenv("HANFLEET_API_TOKEN", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    # It would write all later tests' logs where this test's standard error was.
    monkeypatch.setattr("hanfleet.kit.logging.configure_logging", lambda *_a, **_k: None)
    monkeypatch.chdir(tmp_path)
    assert run([*command.split(), "--home", ""]) == exits.REFUSED
    assert "--home is empty: name the fleet's folder" in capsys.readouterr().err
    monkeypatch.setenv("HANFLEET_HOME", "")
    assert run(command.split()) == exits.REFUSED
    assert "HANFLEET_HOME is empty: set it to the fleet's folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_refused_makes_no_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    monkeypatch.setenv("HANFLEET_MASTER_KEY", "5a" * 32)
    backup = tmp_path / "copied" / "20260131T030000Z-daily"
    backup.mkdir(parents=True)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "bad.env").write_text("SESSION_NAME=han\n")

    def refused(*command: str) -> tuple[int, str]:
        status = run([*command, "--home", str(tmp_path / "new")])
        assert not (tmp_path / "new").exists(), command
        return status, capfd.readouterr().err

    restore = ("backup", "restore")
    status, said = refused(*restore, "nosuch")
    assert (status, "There is no backup nosuch in" in said) == (exits.MISSING, True)
    status, said = refused(*restore, str(backup))
    assert (status, "manifest" in said) == (exits.FAILED, True)
    Ledger.open(backup.parent, tmp_path / "erasure.key").append(Entry(b"m" * 32, datetime.now(UTC)))
    status, said = refused(*restore, str(backup))
    assert (status, "--erasure-key" in said) == (exits.REFUSED, True)
    Ledger.open(tmp_path, tmp_path / "other.key")
    status, said = refused(*restore, str(backup), "--erasure-key", str(tmp_path / "other.key"))
    assert (status, "another erasure key" in said) == (exits.FAILED, True)
    status, said = refused("up", "--legacy-env", str(tmp_path / "old" / "bad.env"))
    assert (status, "makes no bot" in said) == (exits.REFUSED, True)


def test_a_home_without_the_marker_counts_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "letters").touch()
    with pytest.raises(InvalidInputError, match="not the home"):
        Home.existing(tmp_path, as_root=False)
    Home.open(tmp_path, as_root=False).secrets.get_or_make("x")
    assert not (tmp_path / ".hanfleet-home").exists()
    assert Home.existing(tmp_path, as_root=False).path == tmp_path
