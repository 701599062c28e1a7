"""What several bots' commands share: the bot's name on the command line, its paths, waiting for a state."""

import time
from collections.abc import Callable
from typing import Any

from hanfleet.cli.connection import Api
from hanfleet.cli.messages import say

WAIT_S = 60
_GLANCE_S = 0.2


def path_of(bot_id: str, *rest: str) -> str:
    """The address of a bot, or of something of it."""
    return "/".join(("/api/bots", bot_id, *rest))


def is_removed(bot: dict[str, Any]) -> bool:
    """Whether a bot was removed for good."""
    return bot["desired_state"] in ("archived", "erased")


def for_people(bot: dict[str, Any]) -> dict[str, Any]:
    """A bot's facts as a person thinks of them: a removed one is removed, however it came to stand still."""
    if not is_removed(bot):
        return bot
    reason = say("bots.data_kept" if bot["desired_state"] == "archived" else "bots.being_erased")
    return {**bot, "status": say("bots.state.removed"), "status_reason": reason}


def watch(
    api: Api, bot_id: str, settled: Callable[[dict[str, Any]], bool], *, within_s: float = WAIT_S
) -> dict[str, Any]:
    """The bot's status as soon as it is ``settled``, or when the time is over."""
    deadline = time.monotonic() + within_s
    while True:
        bot: dict[str, Any] = api.ask("GET", path_of(bot_id, "status"))
        if settled(bot) or time.monotonic() > deadline:
            return bot
        time.sleep(_GLANCE_S)
