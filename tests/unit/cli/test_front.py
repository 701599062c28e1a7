import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from hanfleet.cli import exits, main, table
from hanfleet.cli.bots.log_lines import as_json, readable
from hanfleet.cli.front import run
from hanfleet.cli.output import print_facts, print_json, print_table
from hanfleet.core.errors import ConflictError

ENGLISH = os.environ | {"HANFLEET_LANG": "en"}


def test_the_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["hanfleet", "--version"])
    main()
    assert capsys.readouterr().out.startswith("hanfleet 0.")
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("hanfleet 0.")


def test_help_names_the_groups_and_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "bots" in shown
    assert "Exit status" in shown
    assert run(["bots", "--help"]) == 0
    shown = capsys.readouterr().out
    for command in ("add", "list", "status", "show", "configure", "start", "stop", "restart", "rm", "logs", "login"):
        assert f" {command} " in shown


@pytest.mark.parametrize("command", ["add", "list", "status", "start", "stop", "restart", "rm", "logs", "login"])
def test_every_command_has_an_example_and_a_json_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bots", command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"hanfleet bots {command}" in shown
    assert "--json" in shown
    assert "--api" in shown


@pytest.mark.parametrize(
    "command", ["up", "import-legacy", "backup create", "db status", "keys status", "audit verify"]
)
def test_the_help_of_home_names_its_variable(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--help"]) == 0
    assert "HANFLEET_HOME" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'. See hanfleet --help."),
        (["bots", "nonsense"], "No such command 'nonsense'. See hanfleet bots --help."),
        (["bots", "status"], "Missing argument 'BOT'. See hanfleet bots status --help."),
        (["bots", "list", "--x"], "No such option: --x. See hanfleet bots list --help."),
        (["bench", "import", "--messages", "x"], "Invalid value for '--messages'"),
        (["up", "much"], "Got unexpected extra argument(s) (much). See hanfleet up --help."),
    ],
)
def test_bad_usage_is_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    assert run(arguments) == exits.REFUSED
    captured = capsys.readouterr()
    assert captured.err.startswith(f"Error: {said}")
    assert (captured.out, captured.err.count("\n")) == ("", 1)


def test_a_full_disk_and_a_closed_pipe_end_it_quietly() -> None:
    code = "import sys; from hanfleet.cli.front import run; sys.exit(run(['--help']))"
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=ENGLISH
        )
    assert (ended.returncode, ended.stderr) == (
        exits.FAILED,
        "Error: There is no room where this is written to. Make some, and run it again.\n",
    )
    read_end, write_end = os.pipe()
    os.close(read_end)
    ended = subprocess.run(
        [sys.executable, "-c", code], stdout=write_end, stderr=subprocess.PIPE, text=True, check=False, env=ENGLISH
    )
    os.close(write_end)
    assert (ended.returncode, ended.stderr) == (exits.FAILED, "")


@pytest.mark.parametrize("odd", ["", "a/b", "../healthz", "Mira", "m" * 51, "mira\x1b[2J", "mira\n", "m\udcff"])
@pytest.mark.parametrize(
    "command",
    [
        ("bots", "status"),
        ("bots", "rm", "--yes"),
        ("contacts", "list"),
        ("audit", "list", "--bot"),
        ("keys", "rotate", "--bot"),
        ("backup", "create", "--bot"),
    ],
    ids=" ".join,
)
def test_an_odd_id_is_refused_before_the_fleet_is_asked(
    command: tuple[str, ...], odd: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*_arguments: object, **_rest: object) -> None:
        pytest.fail("the fleet was asked")

    monkeypatch.setenv("HANFLEET_LANG", "en")
    monkeypatch.setattr("hanfleet.cli.connection.Api.ask", ask)
    token = () if command[0] in ("keys", "backup") else ("--token", "x")
    assert run([*command, odd, *token]) == exits.REFUSED
    said = capsys.readouterr().err
    assert said.startswith("Error: No bot has such an id, for ids are of a-z, 0-9 and -")
    assert said.endswith("hanfleet bots list shows all.\n")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ConflictError("Not now: wait."), exits.REFUSED, "Error: Not now: wait."),
        (
            PermissionError(errno.EACCES, "Permission denied", Path("/fleet/servers/postgres.lock")),
            exits.REFUSED,
            "Error: /fleet/servers/postgres.lock cannot be used (Permission denied): mend that, then try again.",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "/fleet/api.url"),
            exits.FAILED,
            "Error: /fleet/api.url cannot be used (No space left on device): mend that, then try again.",
        ),
        (KeyboardInterrupt(), exits.INTERRUPTED, "Interrupted."),
        (typer.Abort(), exits.INTERRUPTED, "Interrupted."),
    ],
)
def test_an_error_is_one_sentence(
    error: BaseException, status: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise error

    monkeypatch.setenv("HANFLEET_LANG", "en")
    monkeypatch.setattr("hanfleet.cli.bots.looking.print_json", fail)
    monkeypatch.setattr("hanfleet.cli.connection.Api.ask", lambda *_a, **_k: {"items": [], "next_cursor": None})
    assert run(["bots", "list", "--json", "--token", "x"]) == status
    captured = capsys.readouterr()
    assert (captured.out, captured.err.strip()) == ("", said)


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_single_command_offers_no_more_than_the_door(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert "completion" not in capsys.readouterr().out


@pytest.mark.parametrize("name", table.COMMANDS)
def test_every_line_of_the_table_is_a_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert f"Usage: hanfleet {name}" in capsys.readouterr().out


def test_the_door_opens_without_its_rooms() -> None:
    """What is slow to import is not imported before it is needed."""
    code = (
        "import sys; import hanfleet.cli.front, hanfleet.cli.bots\n"
        "slow = {'fastapi', 'sqlalchemy', 'redis', 'telethon', 'uvicorn', 'httpx', 'cryptography', 'hanfleet.sandbox'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_python_m_hanfleet_is_the_same_door() -> None:
    shown = subprocess.run([sys.executable, "-m", "hanfleet", "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("hanfleet ")


def test_columns_are_aligned_and_names_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("ID", "NAME"), [("mira", "Mi\x1b[2Jra"), ("o", None)])
    print_facts({"name": "Mira", "nothing": None, "lag": 1.234})
    assert capsys.readouterr().out.splitlines() == [
        "ID    NAME",
        "mira  Mi·[2Jra",
        "o     –",
        "name  Mira",
        "lag   1.2",
    ]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            '{"event": "sent", "level": "info", "timestamp": "12:00", "process": "worker", "chat_id": 7}',
            "12:00 info    sent  chat_id=7",
        ),
        ('{"event": "x", "exception": "Traceback\\n  boom"}', "         x\nTraceback\n  boom"),
        ("plain \x1b[31mtext", "plain ·[31mtext"),
        ("[1]", "[1]"),
    ],
)
def test_a_log_line_for_eyes(line: str, shown: str) -> None:
    assert readable(line) == shown


_STEERING = "a\x1b]0;owned\x07\x1b[2J\x9b31mb\u202ec\x7f\u2028d\r\ne\ud800"


@pytest.mark.parametrize(
    "line",
    [
        "plain \x1b[31mtext",
        "",
        "[1]",
        "7",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": ' + "1" * 5000 + "}",
        '{"a":' * 50_000,
        '{"a": ' + "[" * 5_000 + "]" * 5_000 + "}",
        _STEERING,
    ],
)
def test_a_line_of_a_log_that_is_no_object_becomes_one(line: str) -> None:
    said = as_json(line)
    assert said.isprintable()
    assert json.loads(said, parse_constant=pytest.fail) == {"text": line}
    assert readable(line).isprintable()


def test_an_object_in_a_log_stays_itself() -> None:
    entry = {"event": _STEERING, "level": "info", "Имя": [1, 2.5, None, {"x\x1b": True}]}
    said = as_json(json.dumps(entry))
    assert said.isprintable()
    assert "Имя" in said
    assert json.loads(said) == entry


def test_json_on_a_terminal_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"reason": _STEERING, "имя": "Мира 🙂"})
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.split("\n"))
    assert "Мира 🙂" in shown
    assert json.loads(shown)["reason"] == _STEERING


def test_an_error_from_elsewhere_is_one_line_that_steers_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    exits.tell(_STEERING)
    assert capsys.readouterr().err == "Error: a·]0;owned··[2J·31mb·c· d  e·\n"
