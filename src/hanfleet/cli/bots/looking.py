"""Looking at bots: the list, one bot's present state, its configuration, its messages by their words, its log."""

from typing import Annotated, Any

import typer

from hanfleet.cli.bot_ids import BotId
from hanfleet.cli.bots import log_lines
from hanfleet.cli.bots.dotted import print_configuration
from hanfleet.cli.bots.shared import for_people, path_of
from hanfleet.cli.connection import Api, speaks
from hanfleet.cli.messages import say
from hanfleet.cli.output import AsJson, note, print_facts, print_json, print_table
from hanfleet.core.errors import InvalidInputError

_PAGE = 500
_COLUMNS = {"id": "bot_id", "name": "name", "state": "status", "wanted": "desired_state", "reason": "status_reason"}


@speaks
def list_(
    api: Api,
    removed: Annotated[bool, typer.Option("--removed", help="Removed bots too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show all bots."""
    bots: list[dict[str, Any]] = []
    query: dict[str, Any] = {"removed": removed, "limit": _PAGE}
    while True:
        page = api.ask("GET", "/api/bots", params=query)
        bots += page["items"]
        if not page["next_cursor"]:
            break
        query["cursor"] = page["next_cursor"]
    if as_json:
        print_json(bots)
    elif not bots:
        note(say("bots.none"))
    else:
        print_table(
            [say(f"bots.column.{column}") for column in _COLUMNS],
            [[bot[field] for field in _COLUMNS.values()] for bot in map(for_people, bots)],
        )


@speaks
def status(api: Api, bot_id: BotId, as_json: AsJson = False) -> None:
    """Show what a bot does right now."""
    bot = api.ask("GET", path_of(bot_id, "status"))
    if as_json:
        print_json(bot)
        return
    print_facts(for_people(bot))
    if bot["phase"] == "awaiting_login":
        note(say("bots.awaits_login", bot_id=bot_id))


@speaks
def show(api: Api, bot_id: BotId, as_json: AsJson = False) -> None:
    """Show a bot's configuration; of its secrets only the names."""
    bot = api.ask("GET", path_of(bot_id))
    if as_json:
        print_json(bot)
    else:
        print_configuration(for_people(bot))


@speaks
def search(
    api: Api,
    bot_id: BotId,
    words: Annotated[list[str], typer.Argument(metavar="QUERY", help='Words; "a phrase", or, -without.')],
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=500, help="The most messages.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Find a bot's messages by their words, in any form, English or Russian; the newest first."""
    query = " ".join(words).strip()
    if not query:
        raise InvalidInputError(say("bots.no_words", bot_id=bot_id))
    found = api.ask("GET", path_of(bot_id, "messages/search"), params={"q": query, "limit": limit})["items"]
    if as_json:
        print_json(found)
    elif not found:
        note(say("bots.nothing_found"))
    else:
        print_table(
            [say(f"bots.column.{column}") for column in ("time", "chat", "author", "text")],
            [[m["sent_at"] or m["created_at"], m["chat_id"], m["author"], m["text"]] for m in found],
        )


@speaks
def logs(
    api: Api,
    bot_id: BotId,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, max=5000, help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a bot's worker logged. With --json each line is an object; text that is none stands in its "text"."""
    page = api.ask("GET", path_of(bot_id, "logs"), params={"lines": lines})
    log_lines.show(page["lines"], raw=as_json)
    if follow:
        log_lines.follow(api, bot_id, page["position"], raw=as_json)
