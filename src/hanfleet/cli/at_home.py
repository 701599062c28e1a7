"""``--home`` of the commands that work on a home themselves, with or without a fleet: one option, one description."""

from pathlib import Path
from typing import Annotated

import typer

from hanfleet.cli.messages import say
from hanfleet.core.errors import InvalidInputError


def named_home(text: str) -> Path:
    """Raises InvalidInputError for nothing, which would be the folder that we are in."""
    if not text:
        raise InvalidInputError(say("cli.empty_home"))
    return Path(text)


AtHome = Annotated[
    Path | None,
    typer.Option(
        "--home",
        parser=named_home,
        metavar="DIR",
        help="The fleet's folder. Default: HANFLEET_HOME, else ~/.local/share/hanfleet",
    ),
]
