"""What may reach a terminal: much of what commands print was written by contacts, models, or a worker that may be
captured, and none of it may steer the terminal, hide a line or fake one.
"""

import json
from typing import Any


def printable(text: str) -> str:
    """On one line: every kind of space becomes a space, and a dot stands for whatever else does not print."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " if char.isspace() else "·" for char in text)


def printable_json(document: Any, *, indent: int | None = None) -> str:
    """As JSON, where whatever does not print is escaped."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    # Outside of strings there is nothing to escape but the ends of lines, which stay.
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)
