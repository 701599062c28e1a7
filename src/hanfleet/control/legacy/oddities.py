"""What was odd in the old data: every entry names the file, the record, the reason and what was done.

Refuses to judge: an oddity is no error, and what could be kept was kept. Values that may be secret never come here.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

_LONGEST_QUOTE = 2000
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Oddity:
    """``file`` is the path below the old folder ("": none), ``record`` says where in it ("": the whole)."""

    file: str
    record: str
    reason: str
    done: str


class Oddities:
    """The report of one reading, in the order of reading."""

    def __init__(self) -> None:
        self.entries: list[Oddity] = []
        #: file → field → value: what no contact and no message has a place for
        self.unknown: dict[str, dict[str, Any]] = {}
        #: file → of what nobody could read ("characters", "records", "files") → how much
        self.unread: dict[str, Counter[str]] = {}

    def note(self, file: str, record: str | int, reason: str, done: str) -> None:
        """One more; it may quote what people wrote, with what no file could hold escaped."""
        self.entries.append(Oddity(_writable(file), _writable(str(record)), _writable(reason), _writable(done)))

    def pass_over(
        self, file: str, record: str | int, reason: str, done: str = "left out", what: str = "records"
    ) -> None:
        """Something that should have come over and could not be read: noted, and counted for who compares."""
        self.note(file, record, reason, done)
        self.count_unread(file, what, 1)

    def count_unread(self, file: str, what: str, amount: int) -> None:
        self.unread.setdefault(_writable(file), Counter())[what] += amount

    def keep(self, file: str, field: str, value: Any, *, reason: str = "unknown fields") -> None:
        """A field that has no place in any record, or not enough: noted, and kept with the import."""
        self.unknown.setdefault(file, {})[field] = value
        self.note(file, field, f"{reason}: {quoted(value)}", "kept with the import")

    def by_reason(self) -> dict[str, int]:
        """How often each reason came up; what stands behind a colon is particular and left out."""
        return dict(Counter(entry.reason.partition(":")[0] for entry in self.entries))

    def as_json(self) -> str:
        """The whole report: a JSON list."""
        return "".join(self.pieces())

    def pieces(self) -> Iterator[str]:
        """`as_json` bit by bit: of millions of entries the whole would be many times what they are themselves."""
        for at in range(0, len(self.entries), _AT_ONCE):
            shown = [asdict(entry) for entry in self.entries[at : at + _AT_ONCE]]
            yield ("," if at else "[") + json.dumps(shown, ensure_ascii=False, indent=1)[1:-2]
        yield "\n]" if self.entries else "[]"


def quoted(value: Any) -> str:
    """``value`` as ASCII JSON, at most a page of it."""
    text = json.dumps(value, default=str)
    shown = text[:_LONGEST_QUOTE]
    return text if shown == text else f"{shown} and {len(text) - _LONGEST_QUOTE} characters more"


def _writable(text: str) -> str:
    # The same object where it can be: entries may be millions, of few files and few reasons.
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
