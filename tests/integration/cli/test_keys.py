"""`hanfleet keys` as a person runs it, killed (SIGKILL) where it hurts, and what a start says to a wrong master key."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hanfleet.app.home import Home
from hanfleet.app.keys import rotate_master
from hanfleet.app.legacy_import import Workbench, open_workbench
from hanfleet.app.master_key import find_keys, settle
from hanfleet.app.settings import load_settings
from hanfleet.cli.front import run
from hanfleet.control.sealing import first_ring, ring_of
from hanfleet.store.leases import SUPERVISOR_LEASE
from hanfleet.store.principals import SystemPrincipal
from hanfleet.vault import MasterKey
from hanfleet.vault.master_key import read_key
from tests.support.ports import free_port

KEEPER = SystemPrincipal("keys")
BOTS = ("anna", "boris")


@dataclass
class Fleet:
    """A home with a database and two bots, each with a secret; nothing of it runs."""

    home: Path
    capsys: pytest.CaptureFixture[str]

    def cli(self, *arguments: str) -> tuple[int, str, str]:
        status = run(["keys", *arguments, "--home", str(self.home)])
        said = self.capsys.readouterr()
        return status, said.out, said.err

    def killed(self, kind: str, at: int) -> bool:
        """Run a rotation that kills itself at step ``at``; False: it has no such step, and came to its end."""
        module = "tests.acceptance.killed_keys"
        ended = subprocess.run([sys.executable, "-m", module, kind, str(at), str(self.home)], timeout=60, check=False)
        assert ended.returncode in (0, -signal.SIGKILL)
        return ended.returncode != 0

    def do(self, deed: Any) -> Any:
        async def inside() -> Any:
            async with open_workbench(load_settings(home=self.home)) as bench, bench.store.transaction(KEEPER) as tx:
                return await deed(bench, tx)

        return asyncio.run(inside())

    def secrets(self) -> list[bytes]:
        async def read(bench: Workbench, tx: Any) -> list[bytes]:
            opened = []
            for bot_id in BOTS:
                ring = await ring_of(tx, bench.master_key, bot_id)
                assert ring is not None
                opened.append(ring.open("openai_api_key", (await tx.secrets.all(bot_id))["openai_api_key"]))
            return opened

        found: list[bytes] = self.do(read)
        return found

    def status(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.cli("status", "--json")[1])
        return document

    @property
    def key(self) -> bytes:
        return read_key(self.home / "master.key")


@pytest.fixture
def fleet(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fleet:
    monkeypatch.setenv("HANFLEET_DATABASE_URL", url)
    monkeypatch.setenv("HANFLEET_LANG", "en")
    fleet = Fleet(Home.open(tmp_path / "home").path, capsys)

    async def fill(bench: Workbench, tx: Any) -> None:
        for bot_id in BOTS:
            await tx.bots.add(bot_id, {"name": bot_id})
            ring = await first_ring(tx, bench.master_key, bot_id)
            await tx.secrets.put(bot_id, "openai_api_key", ring.seal("openai_api_key", bot_id.encode()))

    fleet.do(fill)
    return fleet


def test_data_keys_are_replaced_and_told_of(fleet: Fleet) -> None:
    status, out, _ = fleet.cli("rotate", "--bot", "anna")
    assert status == 0
    assert out.strip() == ("Bot anna (1 of 1): key 2 seals now, 1 value sealed anew, older keys gone.")
    assert [(bot["bot_id"], bot["key"], bot["old_values"]) for bot in fleet.status()["bots"]] == [
        ("anna", 2, 0),
        ("boris", 1, 0),
    ]
    assert fleet.killed("data", 4)
    assert {bot["bot_id"]: bot["retiring"] for bot in fleet.status()["bots"]} == {"anna": [2], "boris": []}
    document = json.loads(fleet.cli("rotate", "--json")[1])
    assert [(bot["bot_id"], bot["key"], bot["done"]) for bot in document["bots"]] == [
        ("anna", 3, True),
        ("boris", 2, True),
    ]
    assert fleet.secrets() == [b"anna", b"boris"]
    status, _, err = fleet.cli("rotate", "--bot", "nobody")
    assert (status, "There is no bot nobody with a data key" in err) == (3, True)
    shown = fleet.cli("status")[1].splitlines()
    assert shown[0] == f"Master key {MasterKey(fleet.key).name}, from {fleet.home / 'master.key'}"
    assert shown[1].startswith("bot")
    assert len(shown) == 4


def test_a_bot_that_still_runs_keeps_its_old_key(fleet: Fleet) -> None:
    fleet.do(lambda _bench, tx: tx.leases.grant("bot:anna", 60))
    status, out, _ = fleet.cli("rotate")
    assert status == 1
    assert "Bot anna (1 of 2): its worker runs with an older key than 2: start the fleet, repeat." in out
    assert "Bot boris (2 of 2): key 2 seals now" in out
    assert fleet.secrets() == [b"anna", b"boris"]


class DeadError(BaseException):
    """The process is gone."""


MASTER_STEPS = (
    "before the successor is written",
    "before the keys are wrapped",
    "before the commit",
    "before the backups",
    "before the old key goes",
    "at the end",
)


def test_the_master_key_is_replaced_wherever_it_dies(fleet: Fleet) -> None:
    settings = load_settings(home=fleet.home)
    for deadly in MASTER_STEPS:
        before = fleet.key

        def die(step: str, deadly: str = deadly) -> None:
            if step == deadly:
                raise DeadError

        with pytest.raises(DeadError):
            asyncio.run(rotate_master(settings, die))
        asyncio.run(rotate_master(settings))
        assert fleet.key != before
        assert sorted(path.name for path in fleet.home.glob("master*")) == ["master.key"]
        assert fleet.secrets() == [b"anna", b"boris"]
    assert fleet.killed("master", MASTER_STEPS.index("before the commit"))
    status, out, err = fleet.cli("rotate", "--master")
    assert (status, err) == (0, "")
    assert "2 data keys were wrapped anew" in out
    assert fleet.secrets() == [b"anna", b"boris"]
    told = fleet.status()
    assert (told["master"], told["being_replaced"]) == (MasterKey(fleet.key).name, False)

    async def wrapped_by(_bench: Workbench, tx: Any) -> set[bool]:
        return {MasterKey(fleet.key).wrapped_it(key.wrapped) for key in await tx.keys.all()}

    assert fleet.do(wrapped_by) == {True}


def test_while_the_master_key_is_being_replaced_commands_wait_and_a_start_ends_it(fleet: Fleet) -> None:
    assert fleet.killed("master", MASTER_STEPS.index("before the old key goes"))
    assert fleet.status()["being_replaced"]
    status, _, err = fleet.cli("rotate", "--data")
    assert status == 2
    assert "let hanfleet keys rotate --master come to its end" in err
    settings, home = load_settings(home=fleet.home), Home.open(fleet.home)
    found = find_keys(home, settings)
    assert found.upcoming is not None
    # What `hanfleet up` does with what it found (see app.bootstrap_main and app.up).
    assert settle(home, found) == found.upcoming == fleet.key
    assert not fleet.status()["being_replaced"]
    assert fleet.secrets() == [b"anna", b"boris"]


def test_the_master_key_stays_while_a_fleet_runs(fleet: Fleet) -> None:
    before = fleet.key
    with Home.open(fleet.home).lock():
        status, _, err = fleet.cli("rotate", "--master")
    assert status == 2
    assert "The master key is replaced while no fleet runs. Another hanfleet" in err
    fleet.do(lambda _bench, tx: tx.leases.grant(SUPERVISOR_LEASE, 60))
    status, _, err = fleet.cli("rotate", "--master")
    assert status == 2
    assert "A fleet runs on this database" in err
    assert fleet.key == before


def test_a_master_key_of_the_environment(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANFLEET_MASTER_KEY", fleet.key.hex())
    (fleet.home / "master.key").unlink()
    status, _, err = fleet.cli("rotate", "--master")
    assert status == 2
    assert "set HANFLEET_NEW_MASTER_KEY" in err
    monkeypatch.setenv("HANFLEET_NEW_MASTER_KEY", "ef" * 32)
    status, out, _ = fleet.cli("rotate", "--master")
    assert status == 0
    assert "Now set HANFLEET_MASTER_KEY" in out
    monkeypatch.delenv("HANFLEET_NEW_MASTER_KEY")
    status, _, err = fleet.cli("rotate")
    assert status == 1
    assert "is another than the one that wrapped the keys of this database" in err
    monkeypatch.setenv("HANFLEET_MASTER_KEY", "ef" * 32)
    assert fleet.secrets() == [b"anna", b"boris"]
    assert not list(fleet.home.glob("master*"))
    monkeypatch.setenv("HANFLEET_MASTER_KEY", "ef" * 31)
    status, _, err = fleet.cli("rotate")
    assert status == 2
    assert "HANFLEET_MASTER_KEY is refused: it must be 64 hex digits" in err


def test_a_master_key_that_is_not_there_is_told(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    (fleet.home / "master.key").unlink()
    status, out, _ = fleet.cli("status")
    assert status == 1
    assert out.startswith(f"The master key is missing: put {fleet.home / 'master.key'} back from your copy")
    assert "anna" in out
    monkeypatch.setenv("HANFLEET_LANG", "ru")
    assert fleet.cli("status")[1].startswith("Главного ключа нет: верните файл")
    assert (fleet.status()["master"], fleet.status()["place"]) == (None, str(fleet.home / "master.key"))


def test_a_master_key_that_opens_nothing_is_told(fleet: Fleet) -> None:
    (fleet.home / "master.key").write_text("ab" * 32)
    status, out, err = fleet.cli("status")
    assert status == 1
    assert "anna" in out
    assert "is another than the one that wrapped the keys of this database" in err
    assert "is another than" in fleet.status()["refused"]


def _up(home: Path, **environ: str) -> str:
    """`hanfleet up` until it ends by itself: what it says on standard error."""
    ended = subprocess.run(
        [sys.executable, "-m", "hanfleet", "up", "--home", str(home), "--api-port", str(free_port())],
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "500", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_start_refuses_a_missing_and_a_foreign_master_key(fleet: Fleet, valkey_url: str) -> None:
    key = fleet.home / "master.key"
    right = key.read_text()
    key.unlink()
    said = _up(fleet.home, HANFLEET_REDIS_URL=valkey_url)
    assert "The master key is missing: there is none in" in said
    assert "holds the keys of 2 bots that only it opens" in said
    assert not key.exists(), "none was made in its place"
    key.touch(0o600)
    key.write_text("ab" * 32)
    said = _up(fleet.home, HANFLEET_REDIS_URL=valkey_url)
    assert "is another than the one that wrapped the keys of this database" in said
    assert "supervisor" not in said
    key.write_text(right)
    assert fleet.secrets() == [b"anna", b"boris"]
