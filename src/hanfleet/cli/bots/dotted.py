"""A bot's configuration for eyes: dotted lines of TOML, so that what is shown can be saved, changed and sent back."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hanfleet.cli.messages import say
from hanfleet.cli.terminal import printable


def print_configuration(bot: Mapping[str, Any]) -> None:
    """What is set, once, below what is known of the bot as comments. What is not set has no line."""
    comments = [
        say("bots.shown_state", status=bot["status"], reason=bot["status_reason"]).strip(),
        say("bots.shown_version", version=bot["config_version"]),
        say("bots.shown_secrets", names=", ".join(bot["secrets_set"]) or "–"),
    ]
    for comment in comments:
        print(f"# {printable(comment)}")
    for line in dotted(bot["config"]):
        print(line)


def dotted(table: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """One line a field that has a value; a table's fields carry its name."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{path}{name}.")
        elif value is not None:
            yield f"{path}{name} = {_quoted(json.dumps(value, ensure_ascii=False))}"


def _quoted(text: str) -> str:
    """Nothing in a text may steer the terminal. Outside of strings JSON has no such character."""
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in text)
