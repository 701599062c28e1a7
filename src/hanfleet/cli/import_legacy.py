"""``hanfleet import-legacy``: the old bot's folder into the fleet, compared, or taken back again.

Longer than other modules: one command with four ways to go, and what each of them says.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanfleet.cli import exits
from hanfleet.cli.at_home import AtHome
from hanfleet.cli.output import AsJson

if TYPE_CHECKING:
    from collections import Counter

    from hanfleet.app.settings import Settings
    from hanfleet.control.legacy import Difference, LegacyFolder, Oddities
    from hanfleet.control.legacy.importer import Progress

app = typer.Typer(add_completion=False)
_SHOWN = 20


@app.command(
    epilog="Examples: hanfleet import-legacy ~/han --dry-run --report odd.json · hanfleet import-legacy ~/han "
    "--bot mira · hanfleet import-legacy ~/han --bot mira --verify · hanfleet import-legacy ~/han --bot mira --rollback"
)
def import_legacy(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", readable=False, help="The old bot's folder; it is only read.")
    ],
    bot: Annotated[str | None, typer.Option(help="The bot's id; made when absent. Default: SESSION_NAME's.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read and report; no database is touched.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Compare with what stands; exit 1 on a difference.")] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Remove what imports brought, nothing else. With --bot, DIR is not read.")
    ] = False,
    start: Annotated[
        bool, typer.Option("--start", help="The bot shall run. What was imported before is left alone then.")
    ] = False,
    env: Annotated[str, typer.Option(metavar="NAME", help="What the settings are called in DIR.")] = ".env",
    report: Annotated[Path | None, typer.Option(dir_okay=False, help="Write all that was odd there, as JSON.")] = None,
    home: AtHome = None,
    as_json: AsJson = False,
) -> None:
    """Bring over contacts, messages, settings and the Telegram session of the old bot. No fleet needs to run.

    A second run changes nothing. The bot is not started, unless --start says so and the settings make one that can be.
    """
    from hanfleet.app.settings import load_settings
    from hanfleet.cli.messages import say
    from hanfleet.cli.output import print_json
    from hanfleet.core.errors import InvalidInputError

    if dry_run + verify + rollback + start > 1:
        raise InvalidInputError(say("import_legacy.one_only"))
    if rollback and report:
        raise InvalidInputError(say("import_legacy.no_report"))
    if report and report.resolve().is_relative_to(folder.resolve()):
        raise InvalidInputError(say("import_legacy.report_inside", report=report))
    settings = load_settings(home=home)
    # With --json what is said goes beside the document, which stands alone on standard output.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        if rollback:
            bot_id = _bot_id(bot) if bot else _named_by(folder, env)
            document: dict[str, Any] = {"bot_id": bot_id, "counts": asyncio.run(_take_back(settings, bot_id))}
        else:
            document = _bring(settings, folder, bot, env, report, dry_run=dry_run, verify=verify, start=start)
    if as_json:
        print_json(document)
    if document.get("differences"):
        raise typer.Exit(exits.FAILED)


def _bring(
    settings: "Settings",
    folder: Path,
    bot: str | None,
    env: str,
    report: Path | None,
    *,
    dry_run: bool,
    verify: bool,
    start: bool,
) -> dict[str, Any]:
    """All but the way back; gives what ``--json`` prints."""
    from hanfleet.app.home import Home, is_home
    from hanfleet.app.legacy_import import erased_of
    from hanfleet.cli.legacy_report import opened_report
    from hanfleet.cli.messages import say
    from hanfleet.control.legacy import proposed_bot_id, read_single

    place = Home.place(settings.home)
    # A start on a home that stands may be a later one, which only finds that.
    if not dry_run and not (start and is_home(place)):
        _refuse_inside(place, folder)
    with opened_report(report) as write:
        if start:
            described = read_single(folder / env)
            bot = bot or described
            if asyncio.run(_was_imported(settings, bot)):
                print(say("import_legacy.before", bot_id=bot))
                return {"bot_id": bot, "counts": {}}
            _refuse_inside(place, folder)
        read = _read(folder, env)
        bot_id = _bot_id(bot or proposed_bot_id(read.settings))
        read.leave_out(erased_of(settings, bot_id))
        document: dict[str, Any] = {"bot_id": bot_id}
        if dry_run:
            document["counts"] = _survey(read)
        elif verify:
            differences = asyncio.run(_compare(settings, bot_id, read))
            document["differences"] = [asdict(one) for one in differences]
        else:
            document["counts"] = asyncio.run(_import(settings, bot_id, read, start=start))
        write(read.oddities.pieces())
    if verify:
        _show_differences(bot_id, differences)
    else:
        _show_oddities(read.oddities, report)
    document["oddities"] = {"count": len(read.oddities.entries), "by_reason": read.oddities.by_reason()}
    return document


def _refuse_inside(home: Path, folder: Path) -> None:
    """Raises InvalidInputError for a home in the old folder: a fleet would write there."""
    from hanfleet.cli.messages import say
    from hanfleet.core.errors import InvalidInputError

    if home.is_relative_to(folder.resolve()):
        raise InvalidInputError(say("import_legacy.home_inside", home=home))


def _read(folder: Path, env: str) -> "LegacyFolder":
    """The old folder. Raises InvalidInputError for one that the old bot cannot have written."""
    from hanfleet.cli.messages import say
    from hanfleet.control.legacy import LegacyFolder, is_old_folder
    from hanfleet.core.errors import InvalidInputError
    from hanfleet.kit.clock import SystemClock

    try:
        if not is_old_folder(folder, env):
            parent = folder.resolve().parent
            with suppress(PermissionError):
                if is_old_folder(parent, env):
                    raise InvalidInputError(say("import_legacy.perhaps_parent", folder=folder, parent=parent))
            raise InvalidInputError(say("import_legacy.no_old_folder", folder=folder))
    except (FileNotFoundError, NotADirectoryError):
        pass  # the folder says it itself
    except OSError as refused:
        raise InvalidInputError(say("import_legacy.closed", folder=folder, reason=refused.strerror)) from refused
    return LegacyFolder(folder, SystemClock().now(), env=env)


def _named_by(folder: Path, env: str) -> str:
    """The id that the folder's settings make, for who named none. Raises NotFoundError when it is gone."""
    from hanfleet.cli.messages import say
    from hanfleet.control.legacy import proposed_bot_id
    from hanfleet.core.errors import NotFoundError

    if not os.path.isdir(folder):  # noqa: PTH112 - unlike Path.is_dir it says no where we may not look
        raise NotFoundError(say("import_legacy.who", folder=folder))
    return _bot_id(proposed_bot_id(_read(folder, env).settings))


def _bot_id(bot_id: str) -> str:
    """``bot_id``, as it is. Raises InvalidInputError when it is none."""
    from hanfleet.cli.messages import say
    from hanfleet.core.bot_ids import is_bot_id
    from hanfleet.core.errors import InvalidInputError

    if not is_bot_id(bot_id):
        raise InvalidInputError(say("import_legacy.bad_id", bot_id=bot_id))
    return bot_id


def _survey(folder: "LegacyFolder") -> "Counter[str]":
    from hanfleet.cli.messages import say
    from hanfleet.control.legacy import survey

    with _bar() as progress:
        found = survey(folder, progress)
    print(say("import_legacy.would", **_counts(found, "chats", "messages", "metrics", "sessions")))
    return found


async def _was_imported(settings: "Settings", bot_id: str) -> bool:
    from hanfleet.app.legacy_import import open_workbench
    from hanfleet.control.legacy import was_imported

    async with open_workbench(settings, may_make_home=True) as bench:
        return await was_imported(bench.store, bot_id)


async def _import(settings: "Settings", bot_id: str, folder: "LegacyFolder", *, start: bool) -> "Counter[str]":
    from hanfleet.app.legacy_import import open_workbench
    from hanfleet.cli.messages import say
    from hanfleet.control.legacy import import_folder

    async with open_workbench(settings, may_make_home=True) as bench:
        with _bar() as progress:
            new = await import_folder(bench.store, bench.master_key, bot_id, folder, bench.clock, progress, start=start)
    if not new:
        print(say("import_legacy.nothing_new", bot_id=bot_id))
        return new
    print(say("import_legacy.imported", bot_id=bot_id, **_counts(new, "contacts", "messages", "metrics", "sessions")))
    if renewed := new["refreshed"] + new["facts"] + new["kept"] * (not new["bots"]):
        print(say("import_legacy.renewed", renewed=renewed))
    if new["unconfigured"]:
        print(say("import_legacy.unconfigured", bot_id=bot_id))
    print(say("import_legacy.next", bot_id=bot_id))
    return new


async def _compare(settings: "Settings", bot_id: str, folder: "LegacyFolder") -> "list[Difference]":
    from hanfleet.app.legacy_import import open_workbench
    from hanfleet.control.legacy import compare

    async with open_workbench(settings) as bench:
        with _bar() as progress:
            return await compare(bench.store, bench.master_key, bot_id, folder, bench.clock, progress)


async def _take_back(settings: "Settings", bot_id: str) -> "Counter[str]":
    from hanfleet.app.legacy_import import open_workbench
    from hanfleet.cli.messages import say
    from hanfleet.control.legacy import take_back

    async with open_workbench(settings) as bench:
        with _bar() as progress:
            gone = await take_back(bench.store, bot_id, progress)
    print(say("import_legacy.taken_back", bot_id=bot_id, **_counts(gone, "contacts", "messages", "metrics")))
    if gone["kept_contacts"]:
        print(say("import_legacy.kept", contacts=gone["kept_contacts"]))
    print(say("import_legacy.bot_gone" if gone["bots"] else "import_legacy.bot_stays", bot_id=bot_id))
    return gone


def _show_oddities(oddities: "Oddities", report: Path | None) -> None:
    from hanfleet.cli.messages import say
    from hanfleet.cli.output import print_table

    if not oddities.entries:
        print(say("import_legacy.nothing_odd"))
        return
    rows = sorted(oddities.by_reason().items(), key=lambda row: -row[1])
    print_table((say("import_legacy.reason"), say("import_legacy.how_often")), rows)
    print(say("import_legacy.report_there", report=report) if report else say("import_legacy.report_hint"))


def _show_differences(bot_id: str, differences: "list[Difference]") -> None:
    from hanfleet.cli.messages import say
    from hanfleet.cli.output import print_table

    if not differences:
        print(say("import_legacy.same", bot_id=bot_id))
        return
    headings = (say("import_legacy.record"), say("import_legacy.expected"), say("import_legacy.found"))
    print_table(headings, [(one.record, one.expected[:60], one.found[:60]) for one in differences[:_SHOWN]])
    print(say("import_legacy.different", count=len(differences), bot_id=bot_id))


def _counts(counted: "Counter[str]", *kinds: str) -> dict[str, int]:
    return {kind: counted[kind] for kind in kinds}


@contextmanager
def _bar() -> "Iterator[Progress]":
    """A bar on standard error, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from hanfleet.cli.messages import say

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        task = shown.add_task("", total=None)

        def advance(done: int, total: int, messages: int) -> None:
            text = say("import_legacy.progress", messages=messages)
            shown.update(task, completed=done, total=total, description=text)

        yield advance
