"""What several bots' commands share: the bot's name on the command line, its paths, waiting for a state."""

import time
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

import typer

from hanfleet.cli.connection import Api

BotId = Annotated[str, typer.Argument(metavar="BOT", help="The bot's id.")]
WAIT_S = 60
_GLANCE_S = 0.2


def path_of(bot_id: str, *rest: str) -> str:
    """The address of a bot, or of something of it."""
    return "/".join(("/api/bots", quote(bot_id, safe=""), *rest))


def watch(api: Api, bot_id: str, settled: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The bot's status as soon as it is ``settled``, or after a minute."""
    deadline = time.monotonic() + WAIT_S
    while True:
        bot: dict[str, Any] = api.ask("GET", path_of(bot_id, "status"))
        if settled(bot) or time.monotonic() > deadline:
            return bot
        time.sleep(_GLANCE_S)
