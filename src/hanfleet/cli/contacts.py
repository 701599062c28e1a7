"""``hanfleet contacts``: who talks to a bot, all that is held about one of them, and erasing one everywhere."""

import os
import re
import sys
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from hanfleet.cli import exits
from hanfleet.cli.bot_ids import BotId
from hanfleet.cli.bots.shared import path_of
from hanfleet.cli.connection import Api, speaks
from hanfleet.cli.messages import say
from hanfleet.cli.output import AsJson, note, print_json, print_table
from hanfleet.core.errors import ConflictError, InvalidInputError

app = typer.Typer(no_args_is_help=True, add_completion=False, epilog=exits.HELP)
ChatId = Annotated[int, typer.Argument(metavar="CHAT", help="The contact's chat id, as the list shows it.")]
_NEGATIVE = re.compile("-[0-9]+")
_PAGE = 500
_COLUMNS = {
    "chat": "chat_id",
    "name": "name",
    "username": "username",
    "messages": "message_count",
    "told": "disclosed_at",
    "opted_out": "opted_out_at",
    "active": "last_activity",
}


class _AboutAChat(TyperCommand):
    """A command whose chat may be a group: its id is negative, and no option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # With a space before it, it is read as the number that it is.
        return super().parse_args(ctx, [f" {arg}" if _NEGATIVE.fullmatch(arg) else arg for arg in args])


@app.callback()
def _contacts() -> None:
    """Look at a bot's contacts, hand out what is held about one, erase one."""


@speaks
def list_(api: Api, bot_id: BotId, as_json: AsJson = False) -> None:
    """Show a bot's contacts."""
    contacts: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": _PAGE}
    while True:
        page = api.ask("GET", path_of(bot_id, "contacts"), params=query)
        contacts += page["items"]
        if not page["next_cursor"]:
            break
        query["cursor"] = page["next_cursor"]
    if as_json:
        print_json(contacts)
    elif not contacts:
        note(say("contacts.none", bot_id=bot_id))
    else:
        print_table(
            [say(f"contacts.column.{column}") for column in _COLUMNS],
            [[contact[field] for field in _COLUMNS.values()] for contact in contacts],
        )


@speaks
def export(
    api: Api,
    bot_id: BotId,
    chat_id: ChatId,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="A new file. Default: standard output.")] = None,
) -> None:
    """Everything that is held about a contact, in clear, as one JSON document."""
    pieces = api.pieces(path_of(bot_id, "contacts", str(chat_id), "export"))
    document = chain([next(pieces)], pieces)  # what is refused, is refused before there is a file
    if out is None:
        for piece in document:
            print(piece, end="")
        return
    try:
        # It is what somebody wrote in confidence, so nobody else reads it, and no file that stands is overwritten.
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(document)
        except BaseException:
            out.unlink()  # half of it must not pass for the whole
            raise
        size = out.stat().st_size
    except OSError as refused:
        raise InvalidInputError(say("contacts.unwritable", out=out, reason=refused.strerror)) from refused
    print(say("contacts.exported", out=out, size=f"{size / 1e6:.1f} MB"))


@speaks
def erase(
    api: Api,
    bot_id: BotId,
    chat_id: ChatId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a contact everywhere: rows, bus, the worker's memory; and keep it erased when a backup is restored."""
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidInputError(say("contacts.unsure", bot_id=bot_id, chat_id=chat_id))
        if not typer.confirm(say("contacts.sure", bot_id=bot_id, chat_id=chat_id)):
            raise ConflictError(say("contacts.kept"))
    answer = api.ask("DELETE", path_of(bot_id, "contacts", str(chat_id)))
    if as_json:
        print_json(answer)
        return
    print(say("contacts.erased", rows=sum(answer["erased"].values()), messages=answer["erased"].get("messages", 0)))
    if not answer["complete"]:
        note(say("contacts.incomplete"))
    if answer["backups_until"]:
        print(say("contacts.in_backups", until=answer["backups_until"][:10]))
    if answer["backups_by_hand"]:
        print(say("contacts.in_backups_by_hand", backups=", ".join(answer["backups_by_hand"])))


app.command("list", epilog="Example: hanfleet contacts list mira --json")(list_)
app.command(cls=_AboutAChat, epilog="Example: hanfleet contacts export mira 124651738 --out ann.json")(export)
app.command(cls=_AboutAChat, epilog="Example: hanfleet contacts erase mira 124651738 --yes")(erase)
