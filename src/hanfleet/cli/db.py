"""``hanfleet db``: where the database's schema stands, and moving it up or down while no fleet runs."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanfleet.cli import exits
from hanfleet.cli.at_home import AtHome
from hanfleet.cli.output import AsJson

if TYPE_CHECKING:
    from hanfleet.app.schema import SchemaStatus
    from hanfleet.store.losses import Loss

app = typer.Typer(no_args_is_help=True, add_completion=False, epilog=exits.HELP)


@app.callback()
def _db() -> None:
    """Look at the schema of the database, upgrade it after an upgrade of Hanfleet, or take it back."""


@app.command(epilog="Example: hanfleet db status --json")
def status(home: AtHome = None, as_json: AsJson = False) -> None:
    """Tell the schema's revision and what an upgrade would bring. Exit 1 when this release refuses to run on it."""
    from hanfleet.app.schema import schema_status
    from hanfleet.app.settings import load_settings

    found = asyncio.run(schema_status(load_settings(home=home)))
    if as_json:
        _print_json(_as_document(found))
    else:
        _print_status(found)
    if found.verdict in ("older", "newer"):
        raise typer.Exit(exits.FAILED)


@app.command(epilog="Example: hanfleet backup create && hanfleet db upgrade && hanfleet up")
def upgrade(home: AtHome = None, as_json: AsJson = False) -> None:
    """Bring the schema to this release's revision, all of it or nothing. Stop the fleet and make a backup first."""
    from hanfleet.app.schema import upgrade_schema
    from hanfleet.app.settings import load_settings
    from hanfleet.cli.messages import say
    from hanfleet.cli.output import note

    note(say("db.working"))
    before = asyncio.run(upgrade_schema(load_settings(home=home)))
    if as_json:
        _print_json({"from": before.revision, "to": before.known})
    elif before.revision == before.known:
        print(say("db.current", revision=before.known))
    else:
        print(say("db.upgraded", before=before.revision or say("db.empty"), after=before.known))


@app.command(epilog="Example: hanfleet db downgrade --to 0002 --yes")
def downgrade(
    to: Annotated[str, typer.Option(help="The revision to go back to, as hanfleet db status names it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without this it is only told what would be lost.")] = False,
    home: AtHome = None,
    as_json: AsJson = False,
) -> None:
    """Take the schema back to an earlier revision, for an earlier release. What only the newer one can hold is lost."""
    from hanfleet.app.schema import downgrade_schema
    from hanfleet.app.settings import load_settings
    from hanfleet.cli.messages import say
    from hanfleet.cli.output import note
    from hanfleet.core.errors import ConflictError

    note(say("db.working"))
    back = asyncio.run(downgrade_schema(load_settings(home=home), to, only_tell=not yes))
    if as_json:
        heads = str(back.heads) if back.heads else None
        lost = [vars(loss) for loss in back.lost]
        _print_json({"to": to, "done": yes, "lost": lost, "audit_trail_lost": back.trail, "audit_heads": heads})
    else:
        _print_losses(back.lost, done=yes)
        if back.trail:
            print(say("db.trail_lost" if yes else "db.trail_would_go"))
        if back.heads:
            print(say("db.heads_aside" if yes else "db.heads_would_go", path=back.heads))
    if not yes:
        raise ConflictError(say("db.only_told", to=to))
    if not as_json:
        print(say("db.downgraded", to=to))


def _as_document(found: "SchemaStatus") -> dict[str, Any]:
    pending = [{"revision": revision, "brings": title} for revision, title in found.pending]
    return {"revision": found.revision, "known": found.known, "verdict": found.verdict, "pending": pending}


def _print_status(found: "SchemaStatus") -> None:
    from hanfleet.cli.messages import say
    from hanfleet.cli.output import print_table

    print(say(f"db.{found.verdict}", revision=found.revision, known=found.known))
    if found.pending:
        print_table((say("db.revision"), say("db.brings")), found.pending)


def _print_losses(lost: "Sequence[Loss]", *, done: bool) -> None:
    from hanfleet.cli.messages import say
    from hanfleet.cli.output import print_table

    if not lost:
        print(say("db.nothing_lost"))
        return
    print(say("db.lost" if done else "db.would_lose"))
    headings = (say("db.table"), say("db.column"), say("db.rows"))
    print_table(headings, [(one.table, one.column or (say("db.all") if one.whole else ""), one.rows) for one in lost])


def _print_json(document: Any) -> None:
    from hanfleet.cli.output import print_json

    print_json(document)
