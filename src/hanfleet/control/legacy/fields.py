"""Taking one field after another out of an old record; what nobody took is unknown, and kept."""

import json
import re
from typing import Any

from hanfleet.control.legacy.bounding import fits
from hanfleet.control.legacy.cleaning import clean_json, clean_text
from hanfleet.control.legacy.oddities import Oddities, quoted

INT64 = 2**63
_WHOLE_NUMBER = re.compile("-?[0-9]{1,19}")


class Fields:
    """One record. What is odd about it is noted under ``file`` and ``record``."""

    def __init__(self, values: dict[str, Any], file: str, record: str, oddities: Oddities) -> None:
        self._left = dict(values)
        self._file = file
        self._record = record
        self._oddities = oddities

    def note(self, reason: str, done: str) -> None:
        self._oddities.note(self._file, self._record, reason, done)

    def take(self, key: str) -> Any:
        """The value, fit to be stored; None when it is missing."""
        if key not in self._left:
            return None
        value = self._left.pop(key)
        clean, bad = clean_json(value)
        if bad:
            self.note(f"characters that no database keeps: {key}, {'; '.join(bad)}", "replaced by U+FFFD or a text")
        return clean

    def take_text(self, key: str, *, limit: int | None = None) -> str:
        """A text; other values become their JSON and are noted, and so are texts over ``limit``, kept whole."""
        value = self.take(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.note(f"no text: {key} is {quoted(value)}", "kept as text")
            value = clean_text(json.dumps(value, ensure_ascii=False))[0]
        if limit is not None and len(value) > limit:
            reason = f"a text over the limit: {key} has {len(value)} characters, more than {limit}"
            self.note(reason, done_with(value))
        return value

    def take_count(self, key: str) -> int:
        """A number ≥ 0; anything else counts as 0 and is put back among the unknown fields."""
        value = self.take(key)
        if value is None:
            return 0
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < INT64:
            return value
        self.note(f"no count: {key} is {quoted(value)}", "counted as 0, the value kept")
        self._left[key] = value
        return 0

    def put_back(self, key: str, value: Any) -> None:
        """It was not what it should be: keep it as it is."""
        self._left[key] = value

    def rest(self) -> dict[str, Any]:
        """Everything that nobody took; noted, when there is something."""
        clean, bad = clean_json(self._left)
        if self._left:
            what = f"unknown fields: {', '.join(sorted(clean))}"
            self.note(what + (f" ({'; '.join(bad)})" if bad else ""), "kept")
        self._left = {}
        result: dict[str, Any] = clean
        return result


def done_with(text: str) -> str:
    """What becomes of a text that is longer than Telegram allows."""
    return "kept whole" if fits(text) else "cut to what a row holds, and kept whole with the import"


def chat_id_of(value: Any) -> int | None:
    """The chat that ``value`` names: a whole number of 64 bits, also written as text. None: it names none."""
    if isinstance(value, str):
        # Python would also take 1_062, blanks, and the digits of every script.
        value = int(value) if _WHOLE_NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -INT64 <= value < INT64 else None
