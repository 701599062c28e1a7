"""A worker's log for eyes: one line an event, time and level first, then what happened, then the facts."""

import json
import time
from collections.abc import Iterable
from typing import Any

from hanfleet.cli.connection import Api

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
        print(line if raw else readable(line), flush=True)


def readable(line: str) -> str:
    """A JSON line as text; anything else as it is, without what could steer a terminal."""
    try:
        entry: Any = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        return _printable(line)
    facts = " ".join(f"{name}={value}" for name, value in entry.items() if name not in _KNOWN and name != "exception")
    head = f"{entry.get('timestamp', '')} {str(entry.get('level', '')).ljust(7)} {entry.get('event', '')}"
    text = _printable(f"{head}  {facts}".rstrip())
    trace = entry.get("exception")
    return f"{text}\n" + "\n".join(map(_printable, str(trace).splitlines())) if trace else text


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\t" else "·" for char in text)
