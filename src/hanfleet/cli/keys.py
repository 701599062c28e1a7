"""``hanfleet keys``: replace the keys that secrets are sealed with, and see where they stand."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanfleet.cli import exits
from hanfleet.cli.at_home import AtHome
from hanfleet.cli.bot_ids import checked
from hanfleet.cli.output import AsJson

if TYPE_CHECKING:
    from hanfleet.app.keys import KeysStatus, MasterRotated
    from hanfleet.control.data_keys import Rotated

app = typer.Typer(no_args_is_help=True, add_completion=False, epilog=exits.HELP)


@app.callback()
def _keys() -> None:
    """Replace the keys under which secrets, sessions and sealed texts are stored, and see where they stand."""


@app.command(epilog="Example: hanfleet keys rotate --bot mira")
def rotate(
    master: Annotated[
        bool, typer.Option("--master", help="Replace the master key, which wraps the data keys. Stop the fleet first.")
    ] = False,
    data: Annotated[
        bool, typer.Option("--data", help="Replace data keys; the default. A bot that runs is restarted once.")
    ] = False,
    bot: Annotated[str | None, typer.Option(callback=checked, help="The data key of this bot alone.")] = None,
    home: AtHome = None,
    as_json: AsJson = False,
) -> None:
    """Replace keys, seal everything anew and forget the old ones. What broke off goes on when it is run again."""
    from hanfleet.app.keys import rotate_data, rotate_master
    from hanfleet.app.settings import load_settings

    settings = load_settings(home=home)
    document: dict[str, Any] = {}
    if master:
        replaced = asyncio.run(rotate_master(settings))
        document["master"] = vars(replaced)
        if not as_json:
            _tell_master(replaced)
    if data or bot is not None or not master:
        rotated = asyncio.run(rotate_data(settings, bot, _tell_bot if not as_json else _say_nothing))
        if not rotated and not as_json:
            _tell_nobody()
        document["bots"] = [{**vars(one), "done": one.done} for one in rotated]
    if as_json:
        from hanfleet.cli.output import print_json

        print_json(document)
    if not all(one["done"] for one in document.get("bots", [])):
        raise typer.Exit(exits.FAILED)


@app.command(epilog="Example: hanfleet keys status --json")
def status(home: AtHome = None, as_json: AsJson = False) -> None:
    """Tell which key seals what of each bot, and whether a rotation is unfinished. Exit 1: the master key is not there,
    or another.
    """
    from hanfleet.app.keys import keys_status
    from hanfleet.app.settings import load_settings

    found = asyncio.run(keys_status(load_settings(home=home)))
    if as_json:
        from hanfleet.cli.output import print_json

        print_json(_as_document(found))
    else:
        _print(found)
    if found.refused:
        exits.tell(found.refused)
    if found.master is None or found.refused:
        raise typer.Exit(exits.FAILED)


def _tell_master(replaced: "MasterRotated") -> None:
    from hanfleet.cli.messages import say

    facts = {"before": replaced.before, "after": replaced.after, "count": replaced.rewrapped}
    print(say("keys.master_replaced", **facts))
    print(say("keys.master_variable" if replaced.from_environment else "keys.master_copy"))


def _tell_bot(rotated: "Rotated", done: int, total: int) -> None:
    from hanfleet.cli.messages import say

    facts = {"bot_id": rotated.bot_id, "number": rotated.key, "count": rotated.resealed, "done": done, "total": total}
    if rotated.waits:
        print(say("keys.waits", **facts))
    elif rotated.broken:
        print(say("keys.broken", **facts, broken=len(rotated.broken), first=rotated.broken[0]))
    else:
        print(say("keys.rotated", **facts))


def _tell_nobody() -> None:
    from hanfleet.cli.messages import say

    print(say("keys.nobody"))


def _say_nothing(_rotated: "Rotated", _done: int, _total: int) -> None:
    """JSON comes at the end."""


def _as_document(found: "KeysStatus") -> dict[str, Any]:
    bots = [{**vars(bot), "made_at": bot.made_at.isoformat()} for bot in found.bots]
    return {**vars(found), "bots": bots}


def _print(found: "KeysStatus") -> None:
    from hanfleet.cli.messages import say
    from hanfleet.cli.output import print_table

    if found.master is not None:
        print(say("keys.master", name=found.master, place=found.place))
    else:
        print(say("keys.master_lost" if found.bots else "keys.master_unmade", place=found.place))
    if found.being_replaced:
        print(say("keys.being_replaced"))
    columns = ("bot", "key", "since", "retiring", "values", "old_values", "texts")
    print_table(
        [say(f"keys.{column}") for column in columns],
        [
            (
                bot.bot_id,
                bot.key,
                f"{bot.made_at:%Y-%m-%d}",
                ", ".join(map(str, bot.retiring)),
                bot.values,
                bot.old_values,
                say("keys.sealed" if bot.seals_texts else "keys.clear"),
            )
            for bot in found.bots
        ],
    )
