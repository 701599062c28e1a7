import importlib
import pkgutil
import string

import pytest

from hanfleet.cli import messages
from hanfleet.cli.messages import language, say

GROUPS = [module.name for module in pkgutil.iter_modules(messages.__path__)]


def fields(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("group", GROUPS)
def test_both_languages_say_the_same(group: str) -> None:
    texts = importlib.import_module(f"{messages.__name__}.{group}").TEXTS
    for key, (english, russian) in texts.items():
        assert key.startswith(f"{group}.")
        assert english
        assert russian
        assert fields(english) == fields(russian), key
        assert (english + russian).isprintable(), key


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "de_DE.UTF-8"}, "en"),
        ({"LANG": "ru_RU.UTF-8", "HANFLEET_LANG": "en"}, "en"),
        ({"HANFLEET_LANG": "RU"}, "ru"),
        ({"LC_MESSAGES": "ru", "LANG": "en"}, "ru"),
    ],
)
def test_the_language_follows_the_environment(environ: dict[str, str], expected: str) -> None:
    assert language(environ) == expected


def test_a_text_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "ru")
    assert say("cli.error", sentence="Нет.") == "Ошибка: Нет."
    monkeypatch.setenv("HANFLEET_LANG", "en")
    assert say("cli.error", sentence="No.") == "Error: No."
    with pytest.raises(KeyError):
        say("cli.nothing")


def test_what_is_filled_in_cannot_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    said = say("bots.not_reached", bot_id="mira", status="failed", seconds=3, reason="\x1b[2Jgone\nmira is running.")
    assert said.startswith("mira is failed after 3 s (·[2Jgone mira is running.)")


def test_one_is_not_said_like_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANFLEET_LANG", "en")
    facts = {"size": "1 MB", "folder": "/b"}
    assert say("backup.created", bots=1, rows=1, **facts) == "Backed up: 1 bot, 1 row, 1 MB in /b"
    assert say("backup.created", bots=0, rows=2, **facts) == "Backed up: 0 bots, 2 rows, 1 MB in /b"
    monkeypatch.setenv("HANFLEET_LANG", "ru")
    assert say("backup.created", bots=1, rows=2, **facts).startswith("Сохранено: ботов 1, строк 2")
