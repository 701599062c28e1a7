"""What is wanted of a bot: start, stop, restart, remove. The fleet brings it about; ``--wait`` waits for that."""

import sys
from typing import Annotated, Any

import typer

from hanfleet.cli.bot_ids import BotId
from hanfleet.cli.bots.shared import WAIT_S, path_of, watch
from hanfleet.cli.connection import Api, speaks
from hanfleet.cli.messages import say
from hanfleet.cli.output import AsJson, print_json
from hanfleet.core.errors import ConflictError, InvalidInputError, PermanentError

Wait = Annotated[bool, typer.Option("--wait", help="Return when it has come about (at most a minute).")]


@speaks
def start(api: Api, bot_id: BotId, wait: Wait = False, as_json: AsJson = False) -> None:
    """Start a bot."""
    _wish(api, bot_id, "start", "running" if wait else None, as_json=as_json)


@speaks
def stop(api: Api, bot_id: BotId, wait: Wait = False, as_json: AsJson = False) -> None:
    """Stop a bot: it finishes what it is sending and leaves Telegram."""
    _wish(api, bot_id, "stop", "stopped" if wait else None, as_json=as_json)


@speaks
def restart(api: Api, bot_id: BotId, wait: Wait = False, as_json: AsJson = False) -> None:
    """Replace a bot's worker by a fresh one."""
    _wish(api, bot_id, "restart", "running" if wait else None, as_json=as_json)


@speaks
def rm(
    api: Api,
    bot_id: BotId,
    erase: Annotated[bool, typer.Option("--erase", help="Delete its contacts and messages, too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a bot: stop it for good, and erase it when asked to."""
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidInputError(say("bots.remove_unsure", bot_id=bot_id))
        if not typer.confirm(say("bots.erase_sure" if erase else "bots.remove_sure", bot_id=bot_id)):
            raise ConflictError(say("bots.kept"))
    answer = api.ask("DELETE", path_of(bot_id), params={"erase": erase})
    if as_json:
        print_json(answer)
    else:
        key = "bots.removed_before" if not answer["accepted"] else "bots.erased" if erase else "bots.removed"
        print(say(key, bot_id=bot_id))


def _wish(api: Api, bot_id: str, wish: str, awaited: str | None, *, as_json: bool) -> None:
    answer = api.ask("POST", path_of(bot_id, wish))
    sentence = say(f"bots.{wish}_asked", bot_id=bot_id)
    if awaited:
        answer = _reached(api, bot_id, awaited)
        sentence = say("bots.reached", bot_id=bot_id, status=answer["status"])
    if as_json:
        print_json(answer)
    else:
        print(sentence)


def _reached(api: Api, bot_id: str, awaited: str) -> dict[str, Any]:
    """The status once it is ``awaited``. Raises ConflictError when it waits for a log-in, PermanentError too late."""

    def arrived(bot: dict[str, Any]) -> bool:
        return bool(bot["status"] == awaited and not bot["restart_pending"])

    def needs_login(bot: dict[str, Any]) -> bool:
        return awaited == "running" and bot["phase"] == "awaiting_login"

    bot = watch(api, bot_id, lambda bot: arrived(bot) or needs_login(bot))
    if arrived(bot):
        return bot
    if needs_login(bot):
        raise ConflictError(say("bots.awaits_login", bot_id=bot_id))
    reason = bot["status_reason"] or say("bots.no_reason")
    raise PermanentError(say("bots.not_reached", bot_id=bot_id, status=bot["status"], seconds=WAIT_S, reason=reason))
