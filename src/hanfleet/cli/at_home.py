"""``--home`` of the commands that work on a home themselves, with or without a fleet: one option, one description."""

from pathlib import Path
from typing import Annotated

import typer

AtHome = Annotated[
    Path | None,
    typer.Option(
        "--home", file_okay=False, help="The fleet's folder. Default: HANFLEET_HOME, else ~/.local/share/hanfleet"
    ),
]
