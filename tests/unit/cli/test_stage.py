"""What a rehearsal takes from its caller's environment, how it says that a bot is late, and what a terminal shows."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hanfleet.cli.messages import say
from hanfleet.cli.stage import fleet_process, sandbox_process, stage
from hanfleet.cli.stage.fleet_process import FleetProcess
from hanfleet.cli.stage.sandbox_process import SandboxProcess
from hanfleet.cli.stage.show import summary
from hanfleet.cli.stage.view import View
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


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("width", [34, 40, 80, 120])
def test_no_terminal_is_too_narrow_for_the_figures(language: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANFLEET_LANG", language)
    figures = {"received": 31, "answered": 32, "lost": 33, "doubled": 34, "uss_mb": 35.5}
    quantiles = {"latency_ms": {"p50": 1036.5, "p95": 1037.5}, "waits_ms": {"p50": 1538.5}, "model_ms": {"p50": 1039.5}}
    report = {"startup_s": 28.74, "supervisor": {"rss_mb": 79.9}, "bots": [{"id": "mira", **figures, **quantiles}]}
    view = View(seconds=10)
    view.bots = [{"name": "Вера", "status": "running", "uss_mb": 26.4, "answer_latency_ms": 1184.3}]
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(summary(report, console))
    console.print(view)
    shown = console.export_text()
    assert "…" not in shown
    words = ["31", "32", "33", "34", "35.5", "1036.5", "1037.5", "1538.5", "1039.5", "mira", say("demo.column.doubled")]
    for word in (*words, "Вера", "running", "1184.3"):
        assert word in shown, shown
