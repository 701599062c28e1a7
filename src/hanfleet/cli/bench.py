"""``hanfleet bench``: how fast and how small, beside a reference, from one run. Nothing is asserted."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hanfleet.cli.benchmarks.figures import Figures

app = typer.Typer(no_args_is_help=True, add_completion=False)
Rounds = Annotated[int, typer.Option(min=1, max=10_000, help="How often; more is steadier.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def _bench() -> None:
    """Measure the fleet on this machine, beside a reference. Figures of shared machines are noisy: compare ratios."""


@app.command(epilog="Example: hanfleet bench reply --rounds 500 --json")
def reply(rounds: Rounds = 300, as_json: AsJson = False) -> None:
    """Our reply path beside a bare Telethon echo script, on the same sandbox, in turns."""
    from hanfleet.cli.benchmarks.reply import bench_reply

    _show(bench_reply(rounds, _progress), as_json=as_json)


@app.command(epilog="Example: hanfleet bench start")
def start(rounds: Rounds = 5, as_json: AsJson = False) -> None:
    """From a start request to Running: 1 bot, and 20 at once, beside a fresh interpreter."""
    from hanfleet.cli.benchmarks.start import bench_start

    _show(bench_start((1, 20), rounds, _progress), as_json=as_json)


@app.command(epilog="Example: hanfleet bench memory --json")
def memory(as_json: AsJson = False) -> None:
    """Private and proportional memory of 1, 3, 10 and 20 bots, and of everything together."""
    from hanfleet.cli.benchmarks.memory import bench_memory

    _show(bench_memory((1, 3, 10, 20), _progress), as_json=as_json)


@app.command(epilog="Example: hanfleet bench store --messages 1000000 --bots 50 --json")
def store(
    messages: Annotated[int, typer.Option(min=1_000, help="How many messages stand in the database.")] = 1_000_000,
    bots: Annotated[int, typer.Option(min=1, max=1_000, help="How many bots they belong to.")] = 50,
    rounds: Rounds = 200,
    as_json: AsJson = False,
) -> None:
    """Each query with and without row level security, inserts beside a bare COPY, and what sealing texts adds."""
    from hanfleet.cli.benchmarks.store import bench_store

    _show(bench_store(messages, bots, rounds, _progress), as_json=as_json)


@app.command("import", epilog="Example: hanfleet bench import --messages 200000 --json")
def import_(
    messages: Annotated[int, typer.Option(min=1_000, help="How many messages the old folder holds.")] = 200_000,
    as_json: AsJson = False,
) -> None:
    """Import an old bot's folder beside a bare COPY of the same rows, and its memory for all and for a quarter."""
    from hanfleet.cli.benchmarks.imports import bench_import

    _show(bench_import(messages, _progress), as_json=as_json)


@app.command(epilog="Example: hanfleet bench isolation --rounds 400")
def isolation(rounds: Rounds = 200, as_json: AsJson = False) -> None:
    """One bot's transactions, in quiet and while another bot floods the database."""
    from hanfleet.cli.benchmarks.isolation import bench_isolation

    _show(bench_isolation(rounds, _progress), as_json=as_json)


def _progress(line: str) -> None:
    typer.echo(line, err=True)


def _show(work: "Coroutine[Any, Any, Figures]", *, as_json: bool) -> None:
    from rich.console import Console

    from hanfleet.kit.logging import configure_logging

    # Standard output is for the figures alone.
    configure_logging("bench", human=True)
    figures = asyncio.run(work)
    if as_json:
        print(figures.as_json())
    else:
        figures.print(Console())
