"""``hanfleet up``: the fleet itself, in the foreground, until Ctrl-C or SIGTERM."""

import asyncio
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from hanfleet.cli import exits
from hanfleet.cli.at_home import AtHome

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Examples: hanfleet up; hanfleet up --home ./fleet --api-port 8700; "
    "HANFLEET_DATABASE_URL=postgresql://… HANFLEET_REDIS_URL=redis://… hanfleet up; hanfleet up --legacy-env ~/han/.env"
)
def up(
    home: AtHome = None,
    api_host: Annotated[str | None, typer.Option(help="The API's address. Default: 127.0.0.1")] = None,
    api_port: Annotated[int | None, typer.Option(min=1, max=65535, help="The API's port. Default: 8642")] = None,
    log_level: Annotated[str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = None,
    legacy_env: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The old bot's .env: bring its folder over, once, and run that bot."),
    ] = None,
    worker_entry: Annotated[str | None, typer.Option(hidden=True, help="What runs a worker: module:function.")] = None,
) -> None:
    """Start everything and keep it running; Ctrl-C drains the bots and stops it all.

    Settings come from HANFLEET_… variables too (DATABASE_URL, REDIS_URL, TELEGRAM_SERVER, MAX_BOTS); options win.
    Run as a service, it needs nothing but this command. Logs are in the folder's logs/.
    """
    from hanfleet.app.home import Home, is_home
    from hanfleet.app.payloads import WORKER_ENTRY
    from hanfleet.app.settings import load_settings
    from hanfleet.app.up import open_home, run_up
    from hanfleet.cli.messages import say
    from hanfleet.kit.logging import configure_logging

    settings = load_settings(home=home, api_host=api_host, api_port=api_port, log_level=log_level)
    if legacy_env is not None:
        # Before anything is brought: refused where a fleet runs. A new home is made when the file has been read.
        if is_home(Home.place(settings.home)):
            with open_home(settings).lock():
                pass
        _bring_over(legacy_env, home)
    configure_logging("up", level=settings.log_level, human=True)

    def tell(what: str, facts: dict[str, Any]) -> None:
        # A terminal that was closed or a full disk takes nothing more; the fleet goes on, or ends in order.
        with suppress(OSError):
            print(say(f"up.{what}", **facts), flush=True)

    asyncio.run(run_up(settings, tell, worker_entry=worker_entry or WORKER_ENTRY))


def _bring_over(env: Path, home: Path | None) -> None:
    """In a process of its own: what an import loads would stay in this one for as long as the fleet runs."""
    where = [] if home is None else ["--home", str(home)]
    command = ("import-legacy", str(env.parent), "--env", env.name, "--start", *where)
    ended = subprocess.run([sys.executable, "-m", "hanfleet", *command], check=False)  # noqa: S603 - ourselves
    if ended.returncode:
        raise typer.Exit(ended.returncode if ended.returncode > 0 else exits.FAILED)
