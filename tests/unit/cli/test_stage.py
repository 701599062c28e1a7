"""What a rehearsal takes from its caller's environment, and how it says that a bot is late."""

from pathlib import Path
from typing import Any

import pytest

from hanfleet.cli.stage import fleet_process, sandbox_process, stage
from hanfleet.cli.stage.fleet_process import FleetProcess
from hanfleet.cli.stage.sandbox_process import SandboxProcess
from hanfleet.core.errors import PermanentError


class NotStartedError(Exception):
    """In place of a process."""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment that the last process would have got, in the shell of an operator."""
    seen: dict[str, str] = {}

    def spawn(_argv: Any, *, environ: dict[str, str], **_rest: Any) -> None:
        seen.update(environ)
        raise NotStartedError

    monkeypatch.setattr(fleet_process, "spawn", spawn)
    monkeypatch.setattr(sandbox_process, "spawn", spawn)
    for name in ("DATABASE_URL", "REDIS_URL", "MASTER_KEY", "NEW_MASTER_KEY", "HOME", "API_HOST", "TELEGRAM_SERVER"):
        monkeypatch.setenv(f"HANFLEET_{name}", "the operator's")
    monkeypatch.setenv("HANFLEET_LANG", "ru")
    monkeypatch.setenv("TZ", "Europe/Riga")
    return seen


def ours(environ: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith("HANFLEET_")}


async def test_a_rehearsed_fleet_takes_nothing_from_the_operators_fleet(given: dict[str, str], tmp_path: Path) -> None:
    fleet = FleetProcess(
        tmp_path, output=tmp_path / "log", api_port=20_000, environ={"HANFLEET_TELEGRAM_SERVER": "the sandbox's"}
    )
    with pytest.raises(NotStartedError):
        await fleet.start()
    assert ours(given) == {
        "HANFLEET_BACKUP_HOUR": "off",
        "HANFLEET_LANG": "ru",
        "HANFLEET_TELEGRAM_SERVER": "the sandbox's",
    }
    assert given["TZ"] == "Europe/Riga"


async def test_neither_does_its_sandbox(given: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(NotStartedError):
        await SandboxProcess(tmp_path / "sandbox", port=20_000, control_port=20_001).start()
    assert ours(given) == {"HANFLEET_LANG": "ru"}


@pytest.mark.parametrize(("reason", "shown"), [("The model is away.", "The model is away."), ("", "no reason given")])
async def test_a_late_bot_is_one_sentence(reason: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Fleet:
        async def ask(self, *_arguments: str) -> dict[str, Any]:
            return {"bot_id": "theo", "status": "starting", "status_reason": reason}

    monkeypatch.setattr(stage, "_RUNNING_WITHIN_S", 0.05)
    monkeypatch.setenv("HANFLEET_LANG", "en")
    scene = stage.Stage()
    monkeypatch.setattr(scene, "fleet", Fleet(), raising=False)
    with pytest.raises(PermanentError) as late:
        await scene.running(["theo"])
    assert str(late.value) == (f"theo was not ready within 0.05 s ({shown}): try again when this machine is less busy.")
