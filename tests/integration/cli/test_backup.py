"""The commands themselves: from one home to another, as on the day when they are needed."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hanfleet.app.home import Home
from hanfleet.app.master_key import make_key
from hanfleet.cli.front import run
from hanfleet.store.ledger import Entry, Ledger
from tests.support.legacy import SAMPLE


def test_from_one_home_to_another(
    new_url: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    monkeypatch.setenv("HANFLEET_DATABASE_URL", new_url())
    old, new = tmp_path / "old", tmp_path / "new"
    at_old, at_new = ["--home", str(old)], ["--home", str(new)]
    assert run(["import-legacy", str(SAMPLE), "--bot", "mira", *at_old]) == 0
    capsys.readouterr()

    assert run(["backup", "list", *at_old]) == 0
    assert "There is no backup yet" in capsys.readouterr().out
    assert run(["backup", "verify", *at_old]) == 3
    assert run(["backup", "create", *at_old, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["tables"]["messages"] == 48
    assert made["bots"] == ["mira"]
    assert run(["backup", "create", "--bot", "mira", *at_old]) == 0
    assert "Backed up: 1 bot, " in capsys.readouterr().out
    assert run(["backup", "list", *at_old]) == 0
    shown = capsys.readouterr().out
    assert "everything" in shown
    assert shown.count("looks whole") == 2
    assert run(["backup", "verify", made["id"], *at_old]) == 0
    assert "every byte as it was written" in capsys.readouterr().out
    assert (old / "backups").stat().st_mode & 0o777 == 0o700

    # Another server, another home with a master key of its own; what was copied there is the backup and the old key.
    monkeypatch.setenv("HANFLEET_DATABASE_URL", new_url())
    copied = tmp_path / "copied"
    shutil.copytree(made["folder"], copied / made["id"])
    restore = ["backup", "restore", str(copied / made["id"]), *at_new]
    assert run(restore) == 1
    assert "opens only with the master key of the home that made it: name the key file" in capsys.readouterr().err
    assert run([*restore, "--bot", "boris", "--master-key", str(old / "master.key")]) == 3
    assert "holds no bot boris" in capsys.readouterr().err
    # Who names the key believes that the ledger is there.
    assert run([*restore, "--master-key", str(old / "master.key"), "--erasure-key", str(old / "erasure.key")]) == 2
    assert f"there is no {copied / 'erased.jsonl'}" in capsys.readouterr().err
    assert not new.exists()
    assert run([*restore, "--master-key", str(old / "master.key")]) == 0
    out = capsys.readouterr().out
    assert "Restored: bots mira" in out
    assert "They are stopped." in out
    assert run(["import-legacy", str(SAMPLE), "--bot", "mira", "--verify", *at_new]) == 0
    assert "text for text" in capsys.readouterr().out
    assert run([*restore, "--master-key", str(old / "master.key")]) == 2
    assert "This fleet has bots (mira)" in capsys.readouterr().err

    # Beside it lies who was erased from the old fleet: without the key to that nobody is brought back.
    Ledger.open(copied, tmp_path / "erasure.key").append(Entry(b"m" * 32, datetime.now(UTC)))
    assert run([*restore, "--master-key", str(old / "master.key")]) == 2
    assert "name its key" in capsys.readouterr().err
    keys = ["--master-key", str(old / "master.key"), "--erasure-key", str(tmp_path / "erasure.key")]
    assert run([*restore, *keys]) == 2
    assert "This fleet has bots (mira)" in capsys.readouterr().err

    renamed = (copied / made["id"]).rename(copied / "of-friday")
    assert run(["backup", "verify", str(renamed), *at_new]) == 1
    assert f"{renamed} holds the backup {made['id']}, and a backup's folder must" in capsys.readouterr().err
    renamed.rename(copied / made["id"])

    part = copied / made["id"] / "messages.part"
    part.write_bytes(part.read_bytes()[:-1] + b"\x00")
    verify = ["backup", "verify", str(copied / made["id"]), "--master-key", str(old / "master.key"), *at_new]
    assert run(verify) == 1
    problem = f"Backup {made['id']} is damaged: messages.part in the 64 KiB from byte 0: changed."
    assert problem in capsys.readouterr().err
    assert run([*verify, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert problem in told.pop("problem")
    assert told == {"id": made["id"], "state": "damaged", "part": "messages.part", "offset": 0}
    assert run(["backup", "verify", "20260101T000000Z-daily", *at_new]) == 3
    assert "hanfleet backup list shows all" in capsys.readouterr().err
    # The list is of this home's backups, so of a path it knows nothing.
    for command in ("verify", "restore"):
        assert run(["backup", command, str(tmp_path / "nosuch"), *at_new]) == 3
        said = capsys.readouterr().err
        assert f"{tmp_path / 'nosuch'} is not the folder of a backup: name one that is" in said
        assert "shows all" not in said


def test_a_home_of_its_own_servers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "ru")
    home = Home.temporary()
    try:
        at_home = ["--home", str(home.path)]
        make_key(home)
        assert run(["backup", "create", *at_home]) == 3
        assert "This database holds no fleet yet" in capsys.readouterr().err
        assert run(["db", "upgrade", *at_home]) == 0
        capsys.readouterr()
        assert run(["backup", "create", *at_home]) == 0
        assert "Сохранено: ботов 0" in capsys.readouterr().out
        with home.lock():
            assert run(["backup", "restore", Path(*(home.path / "backups").glob("*Z-fleet")).name, *at_home]) == 2
        assert "Another hanfleet" in capsys.readouterr().err
    finally:
        home.destroy()
