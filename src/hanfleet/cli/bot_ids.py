"""Bots' ids on the command line: an odd one is refused before anything is asked or opened."""

from typing import Annotated

import typer

from hanfleet.cli.messages import say
from hanfleet.core.bot_ids import is_bot_id
from hanfleet.core.errors import InvalidInputError


def checked(bot_id: str | None) -> str | None:
    """``bot_id``; None stands for no bot in particular. Raises InvalidInputError."""
    if bot_id is not None and not is_bot_id(bot_id):
        # It is not repeated, for it may hold what steers a terminal.
        raise InvalidInputError(say("cli.odd_id"))
    return bot_id


BotId = Annotated[str, typer.Argument(metavar="BOT", help="The bot's id.", callback=checked)]
