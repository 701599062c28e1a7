"""What is whole in a broken document: of a cut one what stands before the cut, of a list also what is behind a break.

After what is broken a list goes on where a record begins again as the others do. An object within a string or within
the broken record looks the same, so what was found counts only when it also ends as records of the list do. Refuses to
look for ever: time is linear in the text's length, for only so much of it may be read in vain.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hanfleet.control.legacy.cleaning import free_key

BLANK = " \t\r\n"
BROKEN = (ValueError, RecursionError)  # JSONDecodeError is a ValueError; so is a number of 5000 digits
_FIRST = re.compile(r'[\[,](?P<blank>\s*)\{\s*(?P<key>"[^"\\]{0,60}")\s*:')
_LONGEST_BEGINNING = 200
_NEAR = 4096
_LONGEST_WORD = 16  # of JSON's words and escapes, with room
#: Of what could not be read, so many times the length of the text may be looked at.
_MOST_IN_VAIN = 64


class Salvage:
    """A walk over ``text``; ``gaps`` are what lies between what is whole: where each begins and where it ends."""

    def __init__(self, text: str, decode: Callable[[str, int], tuple[Any, int]]) -> None:
        self.text = text
        self.gaps: list[tuple[int, int]] = []
        self._decode = decode
        self._in_vain = 0

    def value(self, at: int, depth: int = 0) -> tuple[Any, int, bool]:
        """(value, where it ends, whole), ``depth`` objects around it. Raises ValueError when there is nothing to take.

        What is not whole ends at the text's end, with what could not be read as the last of the ``gaps``.
        """
        at = self.skip(at)
        try:
            value, end = self._decode(self.text, at)
        except BROKEN:
            if self.text[at : at + 1] == "{":
                return self._object(at + 1, depth)
            if self.text[at : at + 1] == "[":
                return self._list(at + 1, depth)
            raise ValueError("nothing whole") from None
        return value, end, True

    def skip(self, at: int, also: str = "") -> int:
        while at < len(self.text) and self.text[at] in BLANK + also:
            at += 1
        return at

    def _list(self, at: int, depth: int) -> tuple[list[Any], int, bool]:
        begins = _Beginning.of(self.text, at)
        items, at = self._run(at)
        while self.text[at : at + 1] != "]":
            resumed = begins and self._resumed(at, begins, depth)
            if not resumed:
                self._lose(at)
                return items, at, False
            again, more, end = resumed
            self.gaps.append((at, again))
            items += more
            at = end
        return items, at + 1, True

    def _run(self, at: int) -> tuple[list[Any], int]:
        """Records one after another, each taken whole or not at all, and where what is none begins."""
        items: list[Any] = []
        while True:
            at = self.skip(at, ",")
            if self.text[at : at + 1] in ("", "]"):
                return items, at
            try:
                item, at = self._record(at)
            except BROKEN:
                return items, at
            items.append(item)

    def _record(self, at: int) -> tuple[Any, int]:
        """One record and where it ends. Raises what a decoder does."""
        # An error counts the lines from the beginning of what was looked at, so that is little where it can be.
        near = self.text[at : at + _NEAR]
        try:
            item, end = self._decode(near, 0)
            if end < len(near):
                return item, at + end
        except json.JSONDecodeError as broken:
            self._in_vain += broken.pos
            if broken.pos < len(near) - _LONGEST_WORD and not broken.msg.startswith("Unterminated"):
                raise
        try:
            return self._decode(self.text, at)
        except BROKEN as broken:
            end = getattr(broken, "pos", len(self.text))
            self._in_vain += end - at + end // 16
            raise

    def _resumed(self, at: int, begins: "_Beginning", depth: int) -> tuple[int, list[Any], int] | None:
        """Where records go on after ``at``, those records, and where they end."""
        passed = at
        for found in begins.pattern.finditer(self.text, at):
            if self._in_vain > _MOST_IN_VAIN * len(self.text):
                return None
            again = found.start("record")
            if again < passed:
                continue  # inside of what was no record of this list
            items, end = self._run(again)
            if items and self._ends(end, begins, depth):
                return again, items, end
            passed = max(passed, end)
        return None

    def _ends(self, at: int, begins: "_Beginning", depth: int) -> bool:
        """Whether what stands at ``at`` can follow a record of the list."""
        if self.text[at : at + 1] == "]":
            return self._closes(at + 1, depth)
        return at >= len(self.text) or begins.alone_in_lines or begins.matches(self.text, at)

    def _closes(self, at: int, depth: int) -> bool:
        """Whether the ``depth`` objects around a list that ended before ``at`` end as well, and then the document."""
        at = self.skip(at)
        try:
            while depth and at < len(self.text):
                if self.text[at] == "}":
                    depth -= 1
                    at = self.skip(at + 1)
                elif self.text[at] == ",":
                    _, at = self._field(self.skip(at + 1))
                    _, at = self._decode(self.text, self.skip(at))
                    at = self.skip(at)
                else:
                    return False
        except BROKEN:
            return False
        return at >= len(self.text) or self.text[at] in "[{"

    def _field(self, at: int) -> tuple[str, int]:
        """A field's name and where its value begins. Raises ValueError."""
        key, at = self._decode(self.text, at)
        at = self.skip(at)
        if not isinstance(key, str) or self.text[at : at + 1] != ":":
            raise ValueError("no field")
        return key, at + 1

    def _object(self, at: int, depth: int) -> tuple[dict[str, Any], int, bool]:
        fields: dict[str, Any] = {}
        while True:
            at = self.skip(at, ",")
            if self.text[at : at + 1] == "}":
                return fields, at + 1, True
            try:
                key, begin = self._field(at)
                value, end, whole = self.value(begin, depth + 1)
            except BROKEN:
                self._lose(at)
                return fields, at, False
            fields[free_key(fields, key)] = value
            if not whole:
                return fields, end, False
            at = end

    def _lose(self, at: int) -> None:
        self.gaps.append((at, len(self.text)))


@dataclass(frozen=True)
class _Beginning:
    """How the records of one list begin: with one first key, and where each has a line of its own, as far in."""

    pattern: re.Pattern[str]
    key: str
    alone_in_lines: bool

    @classmethod
    def of(cls, text: str, at: int) -> "_Beginning | None":
        """As its first one does, whose list begins at ``at``; None: its items are no objects."""
        first = _FIRST.search(text, at - 1)
        if first is None:
            return None
        key = first["key"]
        _, line, indent = first["blank"].rpartition("\n")
        before = f"\n{indent}" if line else r"(?:,\s*|\n[ \t]*)"
        return cls(re.compile(rf"{before}(?P<record>\{{\s*{re.escape(key)}\s*:)"), key, bool(line))

    def matches(self, text: str, at: int) -> bool:
        """Whether a record begins at ``at``, or the text ends within its beginning."""
        there, whole = "".join(text[at : at + _LONGEST_BEGINNING].split()), f"{{{self.key}:"
        return there.startswith(whole) or whole.startswith(there)
