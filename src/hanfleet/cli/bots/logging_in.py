"""Logging a bot in to Telegram, with a person at the terminal."""

import sys
from typing import Any

import typer

from hanfleet.cli import exits
from hanfleet.cli.bot_ids import BotId
from hanfleet.cli.bots.shared import is_removed, path_of, watch
from hanfleet.cli.connection import Api, speaks
from hanfleet.cli.messages import say
from hanfleet.cli.output import AsJson, note, print_json
from hanfleet.core.errors import ConflictError, InvalidInputError

_PHASES = ("awaiting_login", "running")
_SETTLE_S = 8.0
_HOPELESS = ("banned", "frozen", "config", "flood")


@speaks
def login(api: Api, bot_id: BotId, as_json: AsJson = False) -> None:
    """Log a bot in to Telegram: asks for the code and, where the account has one, the second password."""
    path = path_of(bot_id, "login")
    _wake_from_reauth(api, bot_id)
    if _await_worker(api, bot_id)["phase"] == "running":
        note(say("bots.logged_in_before", bot_id=bot_id))
        return
    _need_a_person(bot_id)
    api.ask("POST", path)
    note(say("bots.code_sent", bot_id=bot_id))
    step = _answered(api, f"{path}/code", "code", hidden=False)
    if step["password_needed"]:
        step = _answered(api, f"{path}/password", "password", hidden=True)
    # Until the supervisor has seen it, the status would still ask for the log-in.
    watch(api, bot_id, lambda bot: is_removed(bot) or bot["status"] in ("running", "failed"), within_s=_SETTLE_S)
    if as_json:
        print_json(step)
    else:
        print(say("bots.logged_in", bot_id=bot_id))


def _wake_from_reauth(api: Api, bot_id: str) -> None:
    """A bot whose session Telegram has ended is not started again by itself; a log-in is what it needs."""
    bot = api.ask("GET", path_of(bot_id, "status"))
    if bot["status"] == "failed" and bot["failure_kind"] == "reauth" and bot["desired_state"] == "running":
        _need_a_person(bot_id)
        api.ask("POST", path_of(bot_id, "start"))


def _need_a_person(bot_id: str) -> None:
    """Raises InvalidInputError before Telegram sends a code that nobody will type."""
    if not sys.stdin.isatty():
        raise InvalidInputError(say("bots.login_alone", bot_id=bot_id))


def _await_worker(api: Api, bot_id: str) -> dict[str, Any]:
    """The status once the worker waits for a log-in or runs. Raises ConflictError when it will do neither."""

    def settled(bot: dict[str, Any]) -> bool:
        unwanted = bot["desired_state"] != "running" or bot["failure_kind"] in _HOPELESS
        return unwanted or bot["phase"] in _PHASES

    bot = watch(api, bot_id, settled)
    if is_removed(bot):
        raise ConflictError(say("bots.login_removed", bot_id=bot_id))
    if bot["status"] == "configuring" and bot["desired_state"] != "running":
        raise ConflictError(say("bots.login_new", bot_id=bot_id))
    if bot["phase"] not in _PHASES:
        reason = bot["status_reason"] or say("bots.no_reason")
        raise ConflictError(say("bots.not_waiting", bot_id=bot_id, status=bot["status"], reason=reason))
    return bot


def _answered(api: Api, path: str, field: str, *, hidden: bool) -> dict[str, Any]:
    """Ask the person and send it. A refused answer may be given again."""
    while True:
        value = typer.prompt(say(f"bots.ask.{field}"), hide_input=hidden, err=True)
        try:
            step: dict[str, Any] = api.ask("POST", path, json={field: str(value).strip()})
        except InvalidInputError as refused:
            exits.tell(str(refused))
            continue
        return step
