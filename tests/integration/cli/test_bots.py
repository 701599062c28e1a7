"""`hanfleet bots` against a real API on a real database and bus."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest

from hanfleet.cli import exits
from hanfleet.control import MultiBotManager
from hanfleet.core.commands import Response, SubmitLoginCode
from hanfleet.core.states import BotState, WorkerPhase
from tests.integration.cli.conftest import Command, Outcome
from tests.support.operators import FleetHand, bot_document

C, S, R, STOPPING, STOPPED, FAILED = BotState


async def added(bots: Command, folder: Path, bot_id: str) -> Outcome:
    file = folder / f"{bot_id}.json"
    file.write_text(json.dumps(bot_document(bot_id)))
    return await bots("add", "--file", str(file))


def assert_sentence(outcome: Outcome, status: int, words: str) -> None:
    assert outcome.status == status, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("Error: ")
    assert len(outcome.err.splitlines()) == 1
    assert words in outcome.err


async def test_a_bots_life_at_the_terminal(bots: Command, hand: FleetHand, tmp_path: Path, bot_id: str) -> None:
    assert "no bot yet" in (await bots("list")).err
    outcome = await added(bots, tmp_path, bot_id)
    assert (outcome.status, outcome.err) == (0, "")
    assert f"hanfleet bots login {bot_id}" in outcome.out

    listed = (await bots("list")).out.splitlines()
    assert listed[0].split() == ["ID", "NAME", "STATE", "WANTED", "REASON"]
    assert listed[1].split() == [bot_id, "Mira", "configuring", "running"]

    await hand.set_status(bot_id, C, S, R)
    await hand.beat(bot_id, WorkerPhase.RUNNING)
    status = (await bots("status", bot_id)).out
    assert "running" in status
    assert "21.5" in status
    assert json.loads((await bots("status", bot_id, "--json")).out)["phase"] == "running"

    assert (await bots("restart", bot_id)).out == f"{bot_id} is being restarted.\n"
    assert (await bots("stop", bot_id)).out == f"{bot_id} is being stopped.\n"
    await hand.set_status(bot_id, R, STOPPING, STOPPED)
    assert (await bots("start", bot_id)).out == f"{bot_id} is being started.\n"
    assert (await bots("rm", bot_id, "--yes")).out == f"{bot_id} is being removed; its data is kept.\n"
    assert (await bots("rm", bot_id, "--yes")).out == f"{bot_id} was removed before.\n"
    assert json.loads((await bots("rm", bot_id, "--yes", "--erase", "--json")).out)["accepted"]
    assert (await bots("list", "--json")).out == "[]\n"
    assert bot_id in (await bots("list", "--removed")).out


async def test_adding_by_options_with_secrets_from_files(
    bots: Command, hand: FleetHand, manager: MultiBotManager, tmp_path: Path, bot_id: str
) -> None:
    for name, content in {
        "hash": "0123456789abcdef",
        "token": "123456:abcdef",
        "prompt": "You are Otto, an AI.",
    }.items():
        (tmp_path / name).write_text(content + "\n")
    outcome = await bots(
        *("add", "--id", bot_id, "--name", "Otto", "--api-id", "7", "--api-hash-file", str(tmp_path / "hash")),
        *(
            "--bot-token-file",
            str(tmp_path / "token"),
            "--prompt-file",
            str(tmp_path / "prompt"),
            "--no-start",
            "--json",
        ),
    )
    bot = json.loads(outcome.out)
    assert bot["config"]["persona"]["prompt"] == "You are Otto, an AI."
    assert bot["desired_state"] == "stopped"
    assert (await hand.opened_secrets(bot_id))["telegram_bot_token"] == "123456:abcdef"


async def test_a_configuration_goes_out_and_comes_back_changed(bots: Command, tmp_path: Path, bot_id: str) -> None:
    await added(bots, tmp_path, bot_id)
    config = json.loads((await bots("show", bot_id, "--json")).out)["config"]
    assert "sk-very-secret" not in (await bots("show", bot_id)).out
    file = tmp_path / "changed.json"
    file.write_text(json.dumps({**config, "name": "Myra"}))
    outcome = await bots("configure", bot_id, "--file", str(file), "--version", "1")
    assert outcome.out == f"{bot_id} has configuration 2; it counts from the next start.\n"
    assert json.loads((await bots("show", bot_id, "--json")).out)["name"] == "Myra"
    assert_sentence(
        await bots("configure", bot_id, "--file", str(file), "--version", "1"), exits.REFUSED, "changed meanwhile"
    )


async def test_what_is_refused_is_one_sentence_and_a_status(
    bots: Command, tmp_path: Path, bot_id: str, manager: MultiBotManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_sentence(await bots("status", "nobody"), exits.MISSING, "hanfleet bots list")
    assert_sentence(await bots("add", "--id", "Mira!"), exits.REFUSED, "bot_id")
    assert_sentence(await bots("add", "--file", "/nowhere.toml"), exits.REFUSED, "cannot be read")
    assert await manager.list_bots() == []
    await added(bots, tmp_path, bot_id)
    assert_sentence(await added(bots, tmp_path, bot_id), exits.REFUSED, bot_id)
    assert_sentence(await bots("start", bot_id), exits.REFUSED, "wanted running already")
    assert_sentence(await bots("rm", bot_id), exits.REFUSED, "--yes")
    assert_sentence(await bots("list", "--token", "wrong"), exits.UNREACHABLE, "refused the token")
    assert_sentence(await bots("list", "--api", "http://127.0.0.1:9"), exits.UNREACHABLE, "hanfleet up")
    monkeypatch.setenv("HANFLEET_LANG", "ru")
    russian = await bots("list", "--api", "http://127.0.0.1:9")
    assert russian.err.startswith("Ошибка: Флот по адресу")


async def test_a_log_in_at_the_terminal(
    bots: Command, hand: FleetHand, tmp_path: Path, bot_id: str, on_a_terminal: list[str]
) -> None:
    await added(bots, tmp_path, bot_id)
    await hand.set_status(bot_id, C, S)
    await hand.beat(bot_id, WorkerPhase.AWAITING_LOGIN)
    status = await bots("status", bot_id)
    assert f"hanfleet bots login {bot_id}" in status.err

    def answer(command):
        if isinstance(command, SubmitLoginCode):
            right = command.code.get_secret_value() == "12345"
            return {"password_needed": True} if right else "The code is wrong: ask for another."
        return {}

    async with hand.worker(bot_id, answer):
        on_a_terminal += ["hunter22", "12345"]
        outcome = await bots("login", bot_id, terminal=True)
        assert (outcome.status, outcome.out) == (0, f"{bot_id} is logged in.\n")
        assert "hunter22" not in outcome.err
    await hand.beat(bot_id, WorkerPhase.RUNNING)
    outcome = await bots("login", bot_id)
    assert (outcome.status, outcome.err) == (0, f"{bot_id} is logged in already.\n")


async def test_without_a_terminal_no_code_is_asked_for(
    bots: Command, hand: FleetHand, tmp_path: Path, bot_id: str
) -> None:
    await added(bots, tmp_path, bot_id)
    await hand.set_status(bot_id, C, S)
    await hand.beat(bot_id, WorkerPhase.AWAITING_LOGIN)
    asked = []

    def answer(command):
        asked.append(command)
        return {}

    async with hand.worker(bot_id, answer):
        assert_sentence(await bots("login", bot_id), exits.REFUSED, "at a terminal")
    assert asked == []


async def test_a_bot_that_is_not_wanted_cannot_log_in(
    bots: Command, hand: FleetHand, manager: MultiBotManager, tmp_path: Path, bot_id: str
) -> None:
    await added(bots, tmp_path, bot_id)
    await manager.stop_bot(bot_id)
    refused = await bots("login", bot_id)
    assert_sentence(refused, exits.REFUSED, f"is new and has not run yet: start it with hanfleet bots start {bot_id}")
    await manager.start_bot(bot_id)
    await hand.set_status(bot_id, C, S, STOPPING, STOPPED)
    await manager.stop_bot(bot_id)
    assert_sentence(await bots("login", bot_id), exits.REFUSED, "does not wait for a log-in")


async def test_waiting_for_a_start(bots: Command, hand: FleetHand, tmp_path: Path, bot_id: str) -> None:
    await added(bots, tmp_path, bot_id)
    await bots("stop", bot_id)
    waiting = asyncio.create_task(bots("start", bot_id, "--wait"))
    await asyncio.sleep(0)
    await hand.set_status(bot_id, C, S, R)
    outcome = await waiting
    assert (outcome.status, outcome.out) == (0, f"{bot_id} is running.\n")
    await bots("stop", bot_id)
    await hand.set_status(bot_id, R, STOPPING, STOPPED, S)
    await hand.beat(bot_id, WorkerPhase.AWAITING_LOGIN)
    assert_sentence(await bots("start", bot_id, "--wait"), exits.REFUSED, "waits for a person")


async def test_logs_are_shown_and_followed(
    bots: Command, bot_logs: Path, tmp_path: Path, bot_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await added(bots, tmp_path, bot_id)
    log = bot_logs / f"{bot_id}.log"
    log.write_text(
        '{"event": "one", "level": "info", "timestamp": "t"}\n{"event": "two", "level": "info", "timestamp": "t"}\n'
    )
    assert (await bots("logs", bot_id, "-n", "1")).out == "t info    two\n"
    with log.open("a") as file:
        file.write("\x1b[2Jnot our line\n")
    lines = (await bots("logs", bot_id, "-n", "2", "--json")).out.splitlines()
    assert [json.loads(line).get("event") for line in lines] == ["two", None]
    assert lines[1] == '{"text": "\\u001b[2Jnot our line"}'
    assert (await bots("logs", bot_id, "-n", "1")).out == "·[2Jnot our line\n"

    pauses = iter(range(3))

    def pause(_seconds: float) -> None:
        """Something is logged between two looks; the third time the person presses Ctrl-C."""
        number = next(pauses)
        if number == 2:
            raise KeyboardInterrupt
        with log.open("a") as file:
            file.write(json.dumps({"event": f"later {number}", "level": "info", "timestamp": "t"}) + "\n")

    monkeypatch.setattr("hanfleet.cli.bots.log_lines.time.sleep", pause)
    outcome = await bots("logs", bot_id, "-n", "1", "-f")
    assert outcome.status == exits.INTERRUPTED
    assert outcome.out.splitlines() == ["·[2Jnot our line", "t info    later 0", "t info    later 1"]


async def test_many_bots_are_all_listed(bots: Command, tmp_path: Path, bot_id: str, manager: MultiBotManager) -> None:
    for number in range(3):
        await added(bots, tmp_path, f"{bot_id}-{number}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hanfleet.cli.bots.looking._PAGE", 2)
        listed = json.loads((await bots("list", "--json")).out)
    assert [bot["bot_id"] for bot in listed] == [f"{bot_id}-{number}" for number in range(3)]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No supervisor is there to see a log-in."""
    monkeypatch.setattr("hanfleet.cli.bots.logging_in._SETTLE_S", 0.0)


async def test_a_log_in_returns_when_the_bot_runs(
    bots: Command,
    hand: FleetHand,
    manager: MultiBotManager,
    tmp_path: Path,
    bot_id: str,
    on_a_terminal: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await added(bots, tmp_path, bot_id)
    await hand.set_status(bot_id, C, S)
    await hand.beat(bot_id, WorkerPhase.AWAITING_LOGIN)
    monkeypatch.setattr("hanfleet.cli.bots.logging_in._SETTLE_S", 30.0)
    submitted = asyncio.Event()

    def answer(command):
        if isinstance(command, SubmitLoginCode):
            submitted.set()
        return {}

    async with hand.worker(bot_id, answer):
        on_a_terminal.append("12345")
        login = asyncio.create_task(bots("login", bot_id, terminal=True))
        await submitted.wait()
        await hand.beat(bot_id, WorkerPhase.RUNNING)
        status = (await manager.get_bot_status(bot_id)).model_dump()
        assert (status["status"], status["status_reason"]) == ("starting", "")
        assert not login.done()
        await hand.set_status(bot_id, S, R)
        assert (await login).status == 0


async def test_a_removed_bot_is_shown_as_removed(
    bots: Command, hand: FleetHand, manager: MultiBotManager, tmp_path: Path, bot_id: str
) -> None:
    await added(bots, tmp_path, bot_id)
    await hand.set_status(bot_id, C, S, R, STOPPING, STOPPED)
    await manager.remove_bot(bot_id)
    for command in (("status", bot_id), ("show", bot_id), ("list", "--removed")):
        shown = (await bots(*command)).out
        assert "removed" in shown
        assert "ata is kept" in shown
        assert "stopped" not in shown
        assert "By hand" not in shown
    assert "data is kept" in json.loads((await bots("status", bot_id, "--json")).out)["status_reason"]
    refused = await bots("login", bot_id)
    assert_sentence(refused, exits.REFUSED, "was removed")
    assert "hanfleet bots start" not in refused.err


async def test_what_is_shown_can_be_sent_back(bots: Command, tmp_path: Path, bot_id: str) -> None:
    await added(bots, tmp_path, bot_id)
    shown = (await bots("show", bot_id)).out
    assert 'name = "Mira"\n' in shown
    assert 'persona.language = "en"\n' in shown
    assert shown.count("persona.prompt") == 1
    assert not any(word in shown for word in ("None", "null", "{", "'"))
    file = tmp_path / "shown.toml"
    file.write_text(shown + "quiet_hours.start = 22:30:00\nquiet_hours.end = 08:00:00\n")
    assert (await bots("configure", bot_id, "--file", str(file))).status == 0
    assert json.loads((await bots("show", bot_id, "--json")).out)["config"]["quiet_hours"]["start"] == "22:30:00"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Z\0"}, "name: It holds a NUL"),
        ({"name": "Z\ud800"}, "name: It holds a NUL"),
        ({"nmae": "Mira"}, "did you mean name?"),
        ({"llm": {"temperature": float("nan")}}, "JSON"),
    ],
)
async def test_a_file_that_cannot_be_kept_is_refused(
    change: dict[str, object], words: str, bots: Command, manager: MultiBotManager, tmp_path: Path, bot_id: str
) -> None:
    file = tmp_path / "odd.json"
    file.write_text(json.dumps({**bot_document(bot_id), **change}))
    assert_sentence(await bots("add", "--file", str(file)), exits.REFUSED, words)
    assert await manager.list_bots() == []


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A person at the terminal who gives these answers, last first."""
    answers: list[str] = []
    monkeypatch.setattr("typer.prompt", lambda *_a, **_k: answers.pop())
    monkeypatch.setattr("typer.confirm", lambda *_a, **_k: answers.pop() == "y")
    return answers


async def test_whoever_hesitates_to_remove_changes_nothing(
    bots: Command, tmp_path: Path, bot_id: str, manager: MultiBotManager, on_a_terminal: list[str]
) -> None:
    await added(bots, tmp_path, bot_id)
    on_a_terminal.append("n")
    assert_sentence(await bots("rm", bot_id, terminal=True), exits.REFUSED, "Nothing was changed")
    assert len(await manager.list_bots()) == 1
    on_a_terminal.append("y")
    assert (await bots("rm", bot_id, terminal=True)).status == 0
    assert await manager.list_bots() == []


async def test_a_mistyped_code_may_be_typed_again(
    bots: Command, hand: FleetHand, tmp_path: Path, bot_id: str, on_a_terminal: list[str]
) -> None:
    await added(bots, tmp_path, bot_id)
    await hand.set_status(bot_id, C, S)
    await hand.beat(bot_id, WorkerPhase.AWAITING_LOGIN)

    def answer(command):
        if isinstance(command, SubmitLoginCode) and command.code.get_secret_value() != "12345":
            # As a captured worker would, whose words reach the person who logs the bot in.
            return "The code is wrong:\nlook\x1b]0;title\x07\x1b[2J again."
        return {}

    async with hand.worker(bot_id, answer):
        on_a_terminal += ["12345", "54321"]
        outcome = await bots("login", bot_id, "--json", terminal=True)
    assert outcome.status == 0
    assert "Error: The code is wrong: look·]0;title··[2J again.\n" in outcome.err
    assert json.loads(outcome.out)["logged_in"]


async def test_where_no_other_code_helps_none_is_asked_for(
    bots: Command, hand: FleetHand, tmp_path: Path, bot_id: str, on_a_terminal: list[str]
) -> None:
    await added(bots, tmp_path, bot_id)
    await hand.set_status(bot_id, C, S)
    await hand.beat(bot_id, WorkerPhase.AWAITING_LOGIN)
    banned = "Telegram deactivated or banned this account. Give the bot another account. (PHONE_NUMBER_BANNED)"

    def answer(command):
        if isinstance(command, SubmitLoginCode):
            return Response(command_id=uuid4(), ok=False, error=banned, data={"again": False})
        return {}

    async with hand.worker(bot_id, answer):
        on_a_terminal += ["54321", "12345"]
        outcome = await bots("login", bot_id, terminal=True)
    assert (outcome.status, outcome.err.splitlines()[1:]) == (exits.REFUSED, [f"Error: {banned}"])
    assert len(on_a_terminal) == 1
