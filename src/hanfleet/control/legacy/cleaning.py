"""What PostgreSQL cannot keep: NUL bytes, lone surrogates, numbers past all bounds. Replaced, and each place named.

Everything else passes unchanged, so that a text can be compared character by character afterwards.
"""

import json
import re
from typing import Any

from hanfleet.store.bounds import DEEPEST, GREATEST_NUMBER
from hanfleet.store.connection import storable

_EXACT = 1e15
_SHOWN = 30
#: NUL after NUL is one place: a hole in a file can be megabytes of them.
_BAD = re.compile(r"\x00+|[\ud800-\udfff]")


def clean_text(text: str) -> tuple[str, str]:
    """``text`` fit to be stored, and what was replaced, with its places ("": nothing)."""
    if "\x00" not in text:
        try:
            text.encode()
        except UnicodeEncodeError:
            pass
        else:
            return text, ""
    return storable(text), ", ".join(map(_place, _BAD.finditer(text)))


def clean_json(value: Any, depth: int = 0) -> tuple[Any, list[str]]:
    """``value`` fit for jsonb, and what was changed. Two keys that become one get a suffix."""
    if isinstance(value, str):
        text, bad = clean_text(value)
        return text, [bad] if bad else []
    if not isinstance(value, dict | list):
        return _clean_number(value) if isinstance(value, int | float) else (value, [])
    if depth >= DEEPEST:
        return clean_text(json.dumps(value))[0], ["nested too deeply, kept as text"]
    found: list[str] = []
    if isinstance(value, list):
        items = []
        for item in value:
            clean, bad_in_item = clean_json(item, depth + 1)
            items.append(clean)
            found += bad_in_item
        return items, found
    fields: dict[str, Any] = {}
    for key, item in value.items():
        name, bad = clean_text(key)
        clean, bad_in_item = clean_json(item, depth + 1)
        fields[free_key(fields, name)] = clean
        found += ([bad] if bad else []) + bad_in_item
    return fields, found


def plain(value: Any) -> Any:
    """As jsonb gives it back."""
    return json.loads(json.dumps(value))


def _place(bad: re.Match[str]) -> str:
    first, last = bad.start(), bad.end() - 1
    return f"U+{ord(bad[0][0]):04X} at {first}" + (f" to {last}" if last > first else "")


def _clean_number(value: float) -> tuple[Any, list[str]]:
    if not abs(value) <= GREATEST_NUMBER:  # NaN compares with nothing
        written = str(value)
        return written, [f"the number {written[:_SHOWN]} became a text"]
    # jsonb gives a great one back as this whole number.
    return (int(value) if isinstance(value, float) and abs(value) >= _EXACT and value.is_integer() else value), []


def free_key(taken: dict[str, Any], key: str) -> str:
    """``key``, or with the first suffix ~2, ~3 … that nobody has; it sorts behind the original."""
    if key not in taken:
        return key
    number = 2
    while f"{key}~{number}" in taken:
        number += 1
    return f"{key}~{number}"
