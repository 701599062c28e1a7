"""Where a new bot's configuration comes from: a file, options, the environment, prompts; later ones win over a file.

Refuses secrets on the command line, where every user of the machine could read them: they come from a file, the
environment or a hidden prompt.
"""

import json
import os
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer

from hanfleet.cli.messages import say
from hanfleet.core.errors import InvalidInputError

#: field → environment variable
_FROM_ENVIRONMENT = {
    "telegram_api_id": "HANFLEET_TELEGRAM_API_ID",
    "telegram_api_hash": "HANFLEET_TELEGRAM_API_HASH",
    "telegram_bot_token": "HANFLEET_TELEGRAM_BOT_TOKEN",
    "openai_api_key": "HANFLEET_OPENAI_API_KEY",
}


def read_config_file(path: Path) -> dict[str, Any]:
    """The document in a .toml or .json file. Raises InvalidInputError with the reason."""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as refused:
        raise InvalidInputError(say("bots.file_unreadable", path=path, reason=refused.strerror)) from refused
    except ValueError as odd:
        raise InvalidInputError(say("bots.file_malformed", path=path, reason=odd)) from odd
    if not isinstance(document, dict):
        raise InvalidInputError(say("bots.file_malformed", path=path, reason="no table of fields"))
    return document


def read_secret_file(path: Path) -> str:
    """The first line of a file that holds one secret. Raises InvalidInputError."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as refused:
        reason = refused.strerror if isinstance(refused, OSError) else "not a text"
        raise InvalidInputError(say("bots.file_unreadable", path=path, reason=reason)) from None


def gather(given: Mapping[str, Any], file: Path | None, *, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """One document from file, environment and options; what is still missing is asked for on a terminal.

    ``given`` maps dotted fields to values; None means that the option was not given.
    """
    document = read_config_file(file) if file else {}
    options = {field: value for field, value in given.items() if value is not None}
    for field, variable in _FROM_ENVIRONMENT.items():
        logs_in_otherwise = field == "telegram_bot_token" and ("telegram_phone" in options | document.keys())
        if variable in environ and field not in document and not logs_in_otherwise:
            options.setdefault(field, environ[variable])
    for field, value in options.items():
        _put(document, field, value)
    if sys.stdin.isatty():
        _ask_for_missing(document)
    return document


def _put(document: dict[str, Any], field: str, value: Any) -> None:
    *path, name = field.split(".")
    for part in path:
        document = document.setdefault(part, {})
        if not isinstance(document, dict):
            raise InvalidInputError(say("bots.not_a_table", field=part))
    document[name] = value


def _ask_for_missing(document: dict[str, Any]) -> None:
    questions: tuple[tuple[str, Callable[[str], Any]], ...] = (
        ("bot_id", typer.prompt),
        ("name", typer.prompt),
        ("telegram_api_id", lambda text: typer.prompt(text, type=int)),
        ("telegram_api_hash", _hidden),
    )
    for field, ask in questions:
        if field not in document:
            document[field] = ask(say(f"bots.ask.{field}"))
    if "telegram_phone" not in document and "telegram_bot_token" not in document:
        phone = typer.prompt(say("bots.ask.telegram_phone"), default="", show_default=False)
        if phone:
            document["telegram_phone"] = phone
        else:
            document["telegram_bot_token"] = _hidden(say("bots.ask.telegram_bot_token"))
    if "openai_api_key" not in document and (key := _hidden(say("bots.ask.openai_api_key"), default="")):
        document["openai_api_key"] = key


def _hidden(text: str, default: str | None = None) -> str:
    return str(typer.prompt(text, default=default, hide_input=True, show_default=False))
