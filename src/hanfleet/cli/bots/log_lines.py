"""A worker's log for eyes: one line an event, time and level first, then what happened, then the facts."""

import json
import time
from collections.abc import Iterable
from typing import Any

from hanfleet.cli.connection import Api
from hanfleet.cli.terminal import printable, printable_json

_PAUSE_S = 0.5
_KNOWN = ("timestamp", "level", "event", "process")


def follow(api: Api, bot_id: str, position: int, *, raw: bool) -> None:
    """Print what is logged from ``position`` on, until interrupted."""
    while True:
        page = api.ask("GET", f"/api/bots/{bot_id}/logs", params={"after": position})
        show(page["lines"], raw=raw)
        position = page["position"]
        if not page["lines"]:
            time.sleep(_PAUSE_S)


def show(lines: Iterable[str], *, raw: bool) -> None:
    for line in lines:
        print(as_json(line) if raw else readable(line), flush=True)


def as_json(line: str) -> str:
    """The line's object as JSON again; a line that holds none, for a worker may write anything, as the text of one."""
    entry = _entry(line)
    return printable_json({"text": line} if entry is None else entry)


def readable(line: str) -> str:
    """A JSON line as text; anything else as it is. Nothing that could steer a terminal."""
    entry = _entry(line)
    if entry is None:
        return printable(line)
    facts = " ".join(f"{name}={value}" for name, value in entry.items() if name not in _KNOWN and name != "exception")
    head = f"{entry.get('timestamp', '')} {str(entry.get('level', '')).ljust(7)} {entry.get('event', '')}"
    text = printable(f"{head}  {facts}".rstrip())
    trace = entry.get("exception")
    return f"{text}\n" + "\n".join(map(printable, str(trace).splitlines())) if trace else text


def _entry(line: str) -> dict[str, Any] | None:
    """None also for what can be read but not said again: NaN, a number beyond all numbers, a thousand brackets."""
    try:
        entry: Any = json.loads(line)
        json.dumps(entry, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None
