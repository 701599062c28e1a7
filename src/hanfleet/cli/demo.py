"""``hanfleet demo``: the whole product on a temporary home, with simulated people; nothing of it stays."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Examples: hanfleet demo; hanfleet demo --for 30 --report r.json; hanfleet demo --bots 6 --contacts 12"
)
def demo(
    seconds: Annotated[
        float | None, typer.Option("--for", min=1, max=86_400, help="End after so many seconds; else at Ctrl-C.")
    ] = None,
    bots: Annotated[int, typer.Option(min=1, max=50, help="How many personas.")] = 3,
    contacts: Annotated[int, typer.Option(min=1, max=200, help="How many simulated people.")] = 6,
    report: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the report to this file, as JSON.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live view.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON; implies --plain.")] = False,
) -> None:
    """Show bots and people chatting, all real but Telegram and the model, which run on this machine.

    Ends with a report judged from the people's side: was anything lost or said twice, and how fast were the replies?
    """
    from rich.console import Console

    from hanfleet.cli import exits
    from hanfleet.cli.messages import say
    from hanfleet.cli.stage.show import DemoOptions, run_demo

    plain = plain or as_json or not sys.stdout.isatty()
    if report is not None:
        _check_writable(report)
    options = DemoOptions(seconds, bots, contacts, report, plain)
    outcome = asyncio.run(run_demo(options, Console(stderr=as_json)))
    if as_json and outcome:
        print(outcome.as_json())
    if outcome and outcome.bad:
        exits.tell(say("demo.bad"))
        raise typer.Exit(exits.FAILED)


def _check_writable(report: Path) -> None:
    """A report that cannot be written is refused before the run, not after it."""
    from hanfleet.cli.messages import say
    from hanfleet.core.errors import InvalidInputError

    folder = report.absolute().parent
    target = report if report.exists() else folder
    if not folder.is_dir() or not os.access(target, os.W_OK):
        raise InvalidInputError(say("demo.cannot_write", path=report))
