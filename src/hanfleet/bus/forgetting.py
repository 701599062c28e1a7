"""Taking a contact, or a whole bot, off the bus: every stream is searched, then the server's file is written anew.

An entry that is deleted from a stream stays in the append-only file until that is rewritten, and a rewritten file of
the server's compact format may hold it still: our own server does not use that format (app/embedded/valkey.py).
"""

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from redis.exceptions import ResponseError

from hanfleet.bus import keys
from hanfleet.bus.connection import Bus
from hanfleet.core.errors import BusUnavailableError

IsMeant = Callable[[int], bool]

_NUMBERS = re.compile(r"(?<![0-9a-fA-F-])[0-9]{1,18}(?![0-9a-fA-F-])")
_PAGE = 1000
_GLANCE_S = 0.05
_REWRITTEN_WITHIN_S = 60.0


async def forget(bus: Bus, bot_id: str, is_meant: IsMeant | None = None) -> int:
    """Delete the entries that tell of the bot's contact (None: of the bot) from every stream; gives their number."""
    forgotten = 0
    with bus.guarded():
        async for stream in bus.client.scan_iter(match=keys.EVERYTHING, _type="stream"):
            own = stream in (keys.commands(bot_id), keys.replies(bot_id))
            forgotten += await _search(bus, stream, partial(_tells, bot_id=bot_id, own=own, is_meant=is_meant))
    return forgotten


async def rewrite_file(bus: Bus) -> None:
    """Return when the server's append-only file holds only what is there now; at once where there is no such file."""
    with bus.guarded():
        if (await bus.client.config_get("appendonly")).get("appendonly") != "yes":
            return
        # One that runs already may have begun before the entries went.
        await _rewritten(bus)
        try:
            await bus.client.bgrewriteaof()
        except ResponseError as refused:
            # Somebody else's began in this moment, after the entries went.
            if "in progress" not in str(refused):
                raise
        state = await _rewritten(bus)
    if state["aof_last_bgrewrite_status"] != "ok":
        raise BusUnavailableError("The bus could not write its file anew: look at its log and at the disk's space.")


async def _search(bus: Bus, stream: str, tells: Callable[[dict[str, str]], bool]) -> int:
    forgotten, after = 0, "-"
    while entries := await bus.client.xrange(stream, min=after, count=_PAGE):
        found = [entry_id for entry_id, fields in entries if tells(fields)]
        if found:
            forgotten += await bus.client.xdel(stream, *found)
        after = f"({entries[-1][0]}"
    return forgotten


def _tells(fields: dict[str, str], *, bot_id: str, own: bool, is_meant: IsMeant | None) -> bool:
    """Whether the entry is about them. One that cannot be read counts when its text names them."""
    raw = " ".join(fields.values())
    if not own and f'"{bot_id}"' not in raw:
        return False
    try:
        event = json.loads(fields.get("event") or fields["raw"])
        if event["bot_id"] != bot_id:
            return False
        raw = json.dumps(event["data"])
    except (KeyError, TypeError, ValueError):
        pass  # a command, an answer, or something that is no event: the whole of it is looked through
    return is_meant is None or any(is_meant(int(number)) for number in set(_NUMBERS.findall(raw)))


async def _rewritten(bus: Bus) -> dict[str, Any]:
    """The server's state as soon as it is not rewriting its file."""
    deadline = bus.clock.monotonic() + _REWRITTEN_WITHIN_S
    while True:
        state: dict[str, Any] = await bus.client.info("persistence")
        if not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]:
            return state
        if bus.clock.monotonic() > deadline:
            raise BusUnavailableError("The bus takes long to write its file anew: it is tried again.")
        await bus.clock.sleep(_GLANCE_S)
