"""``hanfleet audit``: reading the audit trail, verifying it, writing its heads down."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanfleet.cli import exits
from hanfleet.cli.at_home import AtHome
from hanfleet.cli.bot_ids import checked
from hanfleet.cli.connection import Api, speaks
from hanfleet.cli.messages import say
from hanfleet.cli.output import AsJson, note, print_json, print_table

if TYPE_CHECKING:
    from hanfleet.app.audit import Verified

app = typer.Typer(no_args_is_help=True, add_completion=False, epilog=exits.HELP)
_TIME = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]
_PAGE = 500
_SHOWN_LINES = 5
_COLUMNS = ("when", "who", "what", "subject", "bot", "change")


@app.callback()
def _audit() -> None:
    """See who changed what, and that nobody changed the record of it."""


@app.command("list", epilog="Example: hanfleet audit list --bot mira --since 2026-11-01 --json")
@speaks
def list_(
    api: Api,
    bot: Annotated[str | None, typer.Option(callback=checked, help="Only of this bot.")] = None,
    principal: Annotated[str | None, typer.Option(help="Only by this one, such as operator:owner or bot:mira.")] = None,
    action: Annotated[str | None, typer.Option(help="insert, update or delete.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=_TIME, help="Not before this time (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(formats=_TIME, help="Before this time (UTC).")] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=100_000, help="The most entries.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show entries of the audit trail, the newest first."""
    query: dict[str, Any] = {"bot": bot, "principal": principal, "action": action}
    query |= {"since": _in_utc(since), "until": _in_utc(until)}
    query = {name: value for name, value in query.items() if value is not None}
    entries: list[dict[str, Any]] = []
    while len(entries) < limit:
        page = api.ask("GET", "/api/audit", params={**query, "limit": min(_PAGE, limit - len(entries))})
        entries += page["items"]
        if not page["next_cursor"]:
            break
        query["cursor"] = page["next_cursor"]
    if as_json:
        print_json(entries)
    elif not entries:
        note(say("audit.none"))
    else:
        print_table([say(f"audit.column.{column}") for column in _COLUMNS], map(_row, entries))


@app.command(epilog="Examples: hanfleet audit verify; hanfleet audit verify --heads /mnt/elsewhere/heads.jsonl --json")
def verify(
    heads: Annotated[
        list[Path] | None, typer.Option(help="A copy of exported heads, besides the home's own file; repeatable.")
    ] = None,
    home: AtHome = None,
    as_json: AsJson = False,
) -> None:
    """Check every entry against its chain and exported heads. Exit 1 names the first broken one of each chain."""
    from hanfleet.app.audit import verify_trail
    from hanfleet.app.settings import load_settings

    note(say("audit.working"))
    verified = asyncio.run(verify_trail(load_settings(home=home), heads or (), _count))
    if as_json:
        print_json(_document(verified))
    else:
        _print_verified(verified)
    if not verified.verification.sound:
        raise typer.Exit(exits.FAILED)


@app.command(epilog="Examples: hanfleet audit export; hanfleet audit export --to /mnt/elsewhere/heads.jsonl")
def export(
    to: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="Another file, made when absent, in a folder that exists. Default: the home's own."
        ),
    ] = None,
    home: AtHome = None,
    as_json: AsJson = False,
) -> None:
    """Write down how far each chain has come, outside the database. hanfleet up does it each minute in the home."""
    from hanfleet.app.audit import export_heads
    from hanfleet.app.settings import load_settings

    exported = asyncio.run(export_heads(load_settings(home=home), to))
    if as_json:
        print_json({"file": str(exported.path), "moved": exported.moved})
    else:
        print(say("audit.exported", path=exported.path, moved=exported.moved))


def _in_utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.replace(tzinfo=UTC).isoformat()


def _row(entry: dict[str, Any]) -> tuple[Any, ...]:
    change = entry["new_values"] if entry["new_values"] is not None else entry["old_values"]
    shown = ", ".join(change or ())
    what = f"{entry['action']} {entry['noun']}"
    return entry["timestamp"][:19], entry["principal"], what, entry["subject"], entry["bot_id"], shown


def _count(entries: int) -> None:
    import sys

    if sys.stderr.isatty():
        print(say("audit.progress", entries=entries), end="\r", file=sys.stderr)


def _document(verified: "Verified") -> dict[str, Any]:
    found = verified.verification
    return {
        "sound": found.sound,
        "entries": found.entries,
        "chains": found.chains,
        "unexported": found.unexported,
        "exported_heads": verified.exported,
        "unreadable_lines": verified.unreadable,
        "breaks": [{"chain": one.chain, "seq": one.seq, "fault": one.fault} for one in found.breaks],
    }


def _print_verified(verified: "Verified") -> None:
    found = verified.verification
    if verified.unreadable:
        shown = [*verified.unreadable[:_SHOWN_LINES], *(["…"] if len(verified.unreadable) > _SHOWN_LINES else [])]
        note(say("audit.unreadable", lines=len(verified.unreadable), places=", ".join(shown)))
    if not verified.exported:
        note(say("audit.no_heads"))
    if not found.sound:
        headings = (say("audit.chain"), say("audit.seq"), say("audit.fault"))
        print_table(headings, [(one.chain, one.seq, say(f"audit.fault.{one.fault}")) for one in found.breaks])
        print(say("audit.broken", breaks=len(found.breaks), entries=found.entries, chains=found.chains))
        return
    print(say("audit.sound", entries=found.entries, chains=found.chains, heads=verified.exported))
    if found.unexported:
        print(say("audit.unexported", entries=found.unexported))
