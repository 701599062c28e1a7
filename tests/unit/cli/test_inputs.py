import io
from pathlib import Path

import pytest
import typer

from hanfleet.cli.bots.inputs import gather, read_config_file, read_secret_file
from hanfleet.core.errors import InvalidInputError


@pytest.fixture(autouse=True)
def _english_and_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    monkeypatch.setattr("sys.stdin", io.StringIO())


def test_options_win_over_the_file_and_the_environment_fills_up(tmp_path: Path) -> None:
    file = tmp_path / "mira.toml"
    file.write_text('bot_id = "mira"\nname = "Mira"\ntelegram_api_hash = "of-the-file"\n[llm]\nmodel = "small"\n')
    environ = {"HANFLEET_TELEGRAM_API_HASH": "of-the-environment", "HANFLEET_OPENAI_API_KEY": "sk-1"}
    config = gather({"name": "Myra", "llm.base_url": "http://x", "telegram_phone": None}, file, environ=environ)
    assert config == {
        "bot_id": "mira",
        "name": "Myra",
        "telegram_api_hash": "of-the-file",
        "openai_api_key": "sk-1",
        "llm": {"model": "small", "base_url": "http://x"},
    }


def test_a_token_in_the_environment_does_not_meet_a_phone(tmp_path: Path) -> None:
    environ = {"HANFLEET_TELEGRAM_BOT_TOKEN": "1:abc"}
    assert "telegram_bot_token" not in gather({"telegram_phone": "+15550100"}, None, environ=environ)
    file = tmp_path / "a.json"
    file.write_text('{"telegram_phone": "+15550100"}')
    assert "telegram_bot_token" not in gather({}, file, environ=environ)
    assert gather({}, None, environ=environ)["telegram_bot_token"] == "1:abc"


def test_without_a_terminal_nothing_is_asked() -> None:
    assert gather({"bot_id": "mira"}, None, environ={}) == {"bot_id": "mira"}


def test_on_a_terminal_what_is_missing_is_asked_for_and_secrets_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "id": "mira",
        "Name": "Mira",
        "API id": 7,
        "hash": "0123456789",
        "Phone": "",
        "token": "1:abc",
        "Key": "",
    }
    hidden = []

    def prompt(text: str, **options) -> object:
        word = next(word for word in answers if f"{word} " in f"{text} " or word in text)
        if options.get("hide_input"):
            hidden.append(word)
        return answers.pop(word)

    monkeypatch.setattr(typer, "prompt", prompt)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    config = gather({}, None, environ={})
    assert config["telegram_bot_token"] == "1:abc"
    assert config["telegram_api_id"] == 7
    assert "openai_api_key" not in config
    assert hidden == ["hash", "token", "Key"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.toml", "name = ", "neither TOML nor JSON"),
        ("a.json", "{", "neither TOML nor JSON"),
        ("a.json", "[]", "no table"),
        ("a.toml", "\udcff", "neither TOML nor JSON"),
        (None, "", "cannot be read"),
    ],
)
def test_a_file_that_will_not_do_is_a_sentence(tmp_path: Path, name: str | None, content: str, sentence: str) -> None:
    path = tmp_path / (name or "missing.toml")
    if name:
        path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(InvalidInputError, match=sentence):
        read_config_file(path)


def test_a_secret_file_gives_its_text_without_the_newline(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("123:abc\n")
    assert read_secret_file(path) == "123:abc"
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_secret_file(tmp_path / "none")


def test_a_table_is_asked_for_where_the_file_has_a_word(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"llm": "gpt"}')
    with pytest.raises(InvalidInputError, match="llm must be a table"):
        gather({"llm.model": "x"}, path, environ={})
