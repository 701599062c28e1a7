"""``hanfleet backup``: making, listing, verifying and restoring backups."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanfleet.cli import exits
from hanfleet.cli.at_home import AtHome
from hanfleet.cli.bot_ids import checked
from hanfleet.cli.output import AsJson

if TYPE_CHECKING:
    from hanfleet.control.backups import DamagedBackupError, Listed, Manifest, Progress

app = typer.Typer(no_args_is_help=True, add_completion=False, epilog=exits.HELP)
KeyFile = Annotated[
    Path | None,
    typer.Option("--master-key", dir_okay=False, help="The key file of the fleet that made it, when it is another."),
]


@app.callback()
def _backup() -> None:
    """Back up the fleet or one bot, see what there is, and restore. hanfleet up makes one of everything each day."""


@app.command(epilog="Examples: hanfleet backup create; hanfleet backup create --bot mira --json")
def create(
    bot: Annotated[str | None, typer.Option(callback=checked, help="Only this bot. Default: everything.")] = None,
    home: AtHome = None,
    as_json: AsJson = False,
) -> None:
    """Make a backup, encrypted, of one moment. A fleet that runs goes on, and none has to run."""
    from hanfleet.app.backups import create_backup
    from hanfleet.app.settings import load_settings
    from hanfleet.cli.messages import say
    from hanfleet.cli.output import print_json

    with _bar() as progress:
        manifest, folder = asyncio.run(create_backup(load_settings(home=home), bot, progress))
    if as_json:
        print_json({**_document(manifest), "folder": str(folder)})
    else:
        print(say("backup.created", folder=folder, **_figures(manifest)))
        print(say("backup.keep_key"))


@app.command("list", epilog="Example: hanfleet backup list --json")
def list_(home: AtHome = None, as_json: AsJson = False) -> None:
    """List the backups, oldest first, with what is quick to see: hanfleet backup verify reads them whole."""
    from hanfleet.app.backups import list_backups
    from hanfleet.app.settings import load_settings
    from hanfleet.cli.messages import say
    from hanfleet.cli.output import print_json, print_table

    found = list_backups(load_settings(home=home))
    if as_json:
        print_json([_listed_document(one) for one in found])
    elif not found:
        print(say("backup.none"))
    else:
        headings = ("id", "holds", "bots", "rows", "size", "age", "schema", "state")
        print_table([say(f"backup.{heading}") for heading in headings], [_row(one) for one in found])


@app.command(epilog="Examples: hanfleet backup verify; hanfleet backup verify 20260131T030000Z-daily")
def verify(
    backup: Annotated[str | None, typer.Argument(metavar="[ID]", help="Its id or folder. Default: the newest.")] = None,
    master_key: KeyFile = None,
    home: AtHome = None,
    as_json: AsJson = False,
) -> None:
    """Read a whole backup. Exit 1 with the first bad part and place, when it is not what was written."""
    from hanfleet.app.backups import verify_backup
    from hanfleet.app.settings import load_settings
    from hanfleet.cli.messages import say
    from hanfleet.cli.output import print_json
    from hanfleet.control.backups import DamagedBackupError

    try:
        with _bar() as progress:
            manifest = verify_backup(load_settings(home=home), backup, master_key, progress)
    except DamagedBackupError as damaged:
        if as_json:
            print_json(_damage_document(damaged))
        raise
    if as_json:
        print_json({**_document(manifest), "state": "verified"})
    else:
        print(say("backup.verified", backup=manifest.contents.id, **_figures(manifest)))


@app.command(
    epilog="Examples: hanfleet backup restore 20260131T030000Z-daily --home ./new; hanfleet backup restore "
    "/mnt/20260131T030000Z-daily --master-key /mnt/master.key --bot mira"
)
def restore(
    backup: Annotated[str, typer.Argument(metavar="ID", help="Its id or folder.")],
    bot: Annotated[
        str | None, typer.Option(callback=checked, help="Only this bot. Default: everything that is in the backup.")
    ] = None,
    start: Annotated[
        bool, typer.Option("--start", help="Let bots run that ran. Never while the original fleet lives.")
    ] = False,
    master_key: KeyFile = None,
    erasure_key: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="The key to erased.jsonl beside a backup of another home."),
    ] = None,
    home: AtHome = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup into a fleet without bots, or one bot into a fleet that has none of that id. Stop the fleet first.

    All or nothing. Bots come back stopped: a session that two fleets use at once is revoked by Telegram.
    """
    from hanfleet.app.backups import restore_backup
    from hanfleet.app.settings import load_settings
    from hanfleet.cli.messages import say
    from hanfleet.cli.output import print_json

    with _bar() as progress:
        restored = asyncio.run(
            restore_backup(
                load_settings(home=home),
                backup,
                key_file=master_key,
                erasure_key=erasure_key,
                bot_id=bot,
                start=start,
                progress=progress,
            )
        )
    if as_json:
        print_json(asdict(restored))
    else:
        print(say("backup.restored", bots=", ".join(restored.bots) or "–", rows=restored.rows))
        if restored.erased_contacts or restored.erased_bots:
            print(say("backup.erased", contacts=restored.erased_contacts, bots=restored.erased_bots))
        print(say("backup.started" if start else "backup.stopped"))


def _document(manifest: "Manifest") -> dict[str, Any]:
    contents = manifest.contents
    return {
        "id": contents.id,
        "bot": contents.bot_id,
        "bots": list(contents.bots),
        "begun_at": contents.begun_at.isoformat(),
        "rows": contents.rows,
        "bytes": contents.size,
        "schema": contents.revision,
        "release": contents.release,
        "tables": {part.name: part.rows for part in contents.tables},
    }


def _damage_document(damaged: "DamagedBackupError") -> dict[str, Any]:
    found = {"id": damaged.backup_id, "part": damaged.part, "offset": damaged.offset}
    return {**found, "state": "damaged", "problem": str(damaged)}


def _listed_document(one: "Listed") -> dict[str, Any]:
    known = _document(one.manifest) if one.manifest else {"id": one.id}
    return {**known, "state": "damaged" if one.problem else "looks whole", "problem": one.problem}


def _figures(manifest: "Manifest") -> dict[str, Any]:
    contents = manifest.contents
    return {"bots": len(contents.bots), "rows": contents.rows, "size": _size(contents.size)}


def _row(one: "Listed") -> tuple[Any, ...]:
    from hanfleet.cli.messages import say

    if one.manifest is None:
        return (one.id, None, None, None, None, None, None, one.problem)
    contents = one.manifest.contents
    return (
        one.id,
        contents.bot_id or say("backup.everything"),
        len(contents.bots),
        contents.rows,
        _size(contents.size),
        _age(datetime.now(UTC) - contents.begun_at),
        contents.revision,
        one.problem or say("backup.looks_whole"),
    )


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"


def _age(age: Any) -> str:
    from hanfleet.cli.messages import say

    hours = max(0, int(age.total_seconds() // 3600))
    return say("backup.hours", hours=hours) if hours < 48 else say("backup.days", days=hours // 24)


@contextmanager
def _bar() -> "Iterator[Progress]":
    """A bar on standard error, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        task = shown.add_task("", total=None)

        def advance(done: int, total: int, part: str, size: int) -> None:
            shown.update(task, completed=done, total=total, description=f"{part} {_size(size)}")

        yield advance
