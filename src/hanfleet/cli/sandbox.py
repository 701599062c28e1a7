"""``hanfleet sandbox``: the offline Telegram and model that ship with the product."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def _sandbox() -> None:
    """The offline Telegram and model, for rehearsals and tests."""


@app.command(
    epilog="Example: hanfleet sandbox serve --dir ./sandbox --port 8600; "
    "then HANFLEET_TELEGRAM_SERVER=./sandbox/sandbox.json hanfleet up --home ./rehearsal",
)
def serve(
    directory: Annotated[
        Path, typer.Option("--dir", help="Where its state and sandbox.json lie; made when missing.", file_okay=False)
    ],
    port: Annotated[int, typer.Option(help="The TCP port for Telegram clients.", min=1, max=65535)],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    control_port: Annotated[
        int, typer.Option(help="The port of the control interface; 0: the next one.", min=0, max=65535)
    ] = 0,
) -> None:
    """Serve until Ctrl-C. Everything about it stands in sandbox.json in its folder."""
    from hanfleet.cli.messages import say
    from hanfleet.core.errors import InvalidInputError
    from hanfleet.kit.logging import configure_logging
    from hanfleet.sandbox.refusals import StartRefusedError
    from hanfleet.sandbox.server import run_sandbox

    configure_logging("sandbox", human=True)
    try:
        asyncio.run(run_sandbox(directory, host, port, control_port))
    except StartRefusedError as refused:
        raise InvalidInputError(say(f"sandbox.{refused.kind}", **refused.facts)) from refused
