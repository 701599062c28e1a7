"""What is whole in a broken document: of a cut one what stands before the cut, of a list also what is behind a break.

A document that has lost its beginning goes on with its first whole record, or what is no list with its first field.

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
_KEY = r'\{\s*("[^"\\]{0,60}")\s*:'
_OPENING = re.compile(r"[\[{]")
_OPENING_OR_FIELD = re.compile(r'[\[{]|"[^"\\]{0,60}"\s*:')
_ANYWHERE = r"(?:[\[,]\s*|\n[ \t]*)"
#: Possessive: what could go back would remember a hundred bytes for each character.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_LONGEST_BEGINNING = 200
_LONGEST_INDENT = 64
_NEAR = 4096
_LONGEST_WORD = 16  # of JSON's words and escapes, with room
#: Of what could not be read, so many times the length of the text may be looked at.
_MOST_IN_VAIN = 64


class Salvage:
    """A walk over ``text``; ``gaps`` are what lies between what is whole: where each begins and where it ends.

    An empty gap is where the beginning or the end is missing. ``has_mended``: a decoder would have refused the text,
    also where nothing lies between.
    """

    def __init__(self, text: str, decode: Callable[[str, int], tuple[Any, int]]) -> None:
        self.text = text
        self.gaps: list[tuple[int, int]] = []
        self.has_mended = False
        self._decode = decode
        self._in_vain = 0
        self._broke_at = 0

    def document(self, at: int, *, log: bool) -> tuple[Any, int, bool]:
        """As `value`, of a whole document, also where it has lost its beginning: what stands before it is a gap then.

        ``log``: it is a list of records, or an object with one. Of two readings the one counts that loses less.
        """
        as_it_stands = self._tried(self.value, at)
        if as_it_stands and self._is_sound(as_it_stands, at, log=log):
            self.gaps += as_it_stands.gaps
            return as_it_stands.found
        if self._is_in_vain():
            raise ValueError("nothing whole within reach")
        self._in_vain += len(self.text)
        readings = [self._tried(self._records if log else self._fields, at)]
        if as_it_stands and isinstance(as_it_stands.found[0], dict | list):
            readings.append(as_it_stands)
        best = min(filter(None, readings), key=lambda reading: reading.lost(len(self.text)), default=None)
        if best is None:
            raise ValueError("nothing whole")
        self.gaps += best.gaps
        return best.found

    def _tried(self, read: Callable[[int], tuple[Any, int, bool]], at: int) -> "_Reading | None":
        """What ``read`` finds, its gaps apart from those of others."""
        before, self.gaps = self.gaps, []
        try:
            return _Reading(read(at), self.gaps)
        except BROKEN:
            return None
        finally:
            self.gaps = before

    def _is_sound(self, reading: "_Reading", at: int, *, log: bool) -> bool:
        """Whether it can be the document that was written here."""
        value, end, whole = reading.found
        if not isinstance(value, dict | list):
            return at == self.skip(0) and self.skip(end) >= len(self.text)
        # A record of a list that has lost its beginning is followed by others, a list in one by the rest of that.
        return whole and self._closes(end, 0) if log else whole or value != {}

    def _records(self, at: int) -> tuple[Any, int, bool]:
        """The rest of a list, from the first record that is followed as records are; or a document that is whole."""
        passed = at
        for opening in _OPENING.finditer(self.text, at):
            begin = opening.start()
            if begin < passed:
                continue
            if self._is_in_vain():
                break
            try:
                value, end = self._record(begin)
            except BROKEN:
                continue
            if self._closes(end, 0) or (value and not self._goes_on(end)):
                self.gaps.append((at, begin))
                return value, end, True
            self._in_vain += end - begin
            begins = _Beginning.here(self.text, begin)
            if begins is None:
                continue
            follows = self.skip(end, ",")
            _, passed = self._run(begin)
            if self._is_end(passed + 1) if self._is(passed, "]") else begins.matches(self.text, follows):
                self.gaps.append((at, begin))
                found, end, whole = self._list(begin, None, _Beginning.here(self.text, follows) or begins)
                return found, self.skip(end, "]},"), whole
        raise ValueError("no record")

    def _is_end(self, at: int) -> bool:
        """Whether a list that ended before ``at`` can be that of a document that has lost its beginning."""
        return self._closes(at, None) or not self._goes_on(self.skip(at, "}"))

    def _goes_on(self, at: int) -> bool:
        """Whether the text goes on as JSON does behind a value within another; not so before a foreign mark."""
        at = self.skip(at)
        return self.text[at : at + 1] in (",", "]", "}", ":")

    def _fields(self, at: int) -> tuple[Any, int, bool]:
        """The first document that begins behind ``at``, or the rest of an object, from its first field."""
        for place in _OPENING_OR_FIELD.finditer(self.text, at):
            if self._is_in_vain():
                break
            begin = place.start()
            reading = self._tried(self.value if place[0] in "[{" else lambda field: self._object(field, 0), begin)
            if reading and reading.found[0]:
                value, end, whole = reading.found
                self.gaps += [(at, begin), *reading.gaps]
                return value, self.skip(end, "]},"), whole
            self._in_vain += len(self.text)
        raise ValueError("no field")

    def value(self, at: int, depth: int = 0) -> tuple[Any, int, bool]:
        """(value, where it ends, whole), ``depth`` objects around it. Raises ValueError when there is nothing to take.

        What is not whole ends at the text's end, with what could not be read as the last of the ``gaps``.
        """
        at = self.skip(at)
        try:
            value, end = self._decode(self.text, at)
        except BROKEN:
            self.has_mended = True
            if self.text[at : at + 1] == "{":
                return self._object(at + 1, depth)
            if self.text[at : at + 1] == "[":
                return self._list(at + 1, depth)
            raise ValueError("nothing whole") from None
        if depth == 0 and isinstance(value, list) and not self._closes(end, 0):
            return self._list(at + 1, 0)  # an end within a broken text looks like the list's own
        return value, end, True

    def skip(self, at: int, also: str = "") -> int:
        return _skipped(self.text, at, BLANK + also)

    def _list(self, at: int, depth: int | None, begins: "_Beginning | None" = None) -> tuple[list[Any], int, bool]:
        begins = begins or _Beginning.of(self.text, at)
        items, at = self._run(at)
        while not (closed := self._is(at, "]")) or (not depth and not self._closes(at + 1, depth)):
            resumed = begins and self._resumed(at, begins, depth)
            if not resumed:
                if closed:
                    break
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
            self._broke_at = at
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
        except RecursionError:
            self._in_vain += len(near)
            raise
        except json.JSONDecodeError as broken:
            self._in_vain += broken.pos
            self._broke_at = at + broken.pos
            if broken.pos < len(near) - _LONGEST_WORD and not broken.msg.startswith("Unterminated"):
                raise
        try:
            return self._decode(self.text, at)
        except BROKEN as broken:
            self._broke_at = getattr(broken, "pos", at)
            self._in_vain += getattr(broken, "pos", len(self.text)) * 17 // 16 - at
            raise

    def _resumed(self, at: int, begins: "_Beginning", depth: int | None) -> tuple[int, list[Any], int] | None:
        """Where records go on after ``at``, those records, and where they end."""
        passed = at
        inside = self._inside(at)
        for found in begins.pattern.finditer(self.text, at):
            if self._is_in_vain():
                return None
            again = found.start("record")
            if again < passed or again in inside:
                continue
            items, end = self._run(again)
            if items and self._ends(end, begins, depth):
                return again, items, end
            # What was read and is no record of this list, and what is inside of the record that broke it off.
            passed = max(passed, end)
            inside = self._inside(end)
        return None

    def _inside(self, at: int) -> set[int]:
        """Where objects begin within the record at ``at``, as far as it could be read."""
        # Not those in its strings: where a quote is missing, a string ends where the next record has begun.
        there = _STRING.sub(lambda string: " " * len(string[0]), self.text[at : self._broke_at])
        return {at + place for place, char in enumerate(there) if char == "{" and place}

    def _ends(self, at: int, begins: "_Beginning", depth: int | None) -> bool:
        """Whether what stands at ``at`` can follow a record of the list."""
        if self._is(at, "]"):
            return self._closes(at + 1, depth)
        return at >= len(self.text) or begins.alone_in_lines or begins.matches(self.text, at)

    def _closes(self, at: int, depth: int | None) -> bool:
        """Whether the ``depth`` objects around a list that ended before ``at`` end as well, and then the document.

        None: how many they are was lost with the document's beginning. No log has more than one.
        """
        if depth is None:
            return self._closes(at, 0) or self._closes(at, 1)
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

    def _is_in_vain(self) -> bool:
        return self._in_vain > _MOST_IN_VAIN * len(self.text)

    def _is(self, at: int, what: str) -> bool:
        return self.text[at : at + 1] == what

    def _lose(self, at: int) -> None:
        self.gaps.append((at, len(self.text)))


@dataclass(frozen=True)
class _Reading:
    """What `Salvage.value` gives, and its gaps."""

    found: tuple[Any, int, bool]
    gaps: list[tuple[int, int]]

    def lost(self, length: int) -> int:
        """How much of a text of that ``length`` is not in it."""
        return sum(end - begin for begin, end in self.gaps) + length - self.found[1]


@dataclass(frozen=True)
class _Beginning:
    """How the records of one list begin: with one first key, and where each has a line of its own, as far in."""

    pattern: re.Pattern[str]
    key: str
    alone_in_lines: bool

    @classmethod
    def of(cls, text: str, at: int) -> "_Beginning | None":
        """As the first one does that can be made out in the list that begins at ``at``; None: there is none."""
        _, line, indent = text[at : _skipped(text, at, BLANK)].rpartition("\n")
        for before in ([f"\n{indent}"] if line else []) + [_ANYWHERE]:
            if first := re.compile(before + _KEY).search(text, at - 1):
                pattern = re.compile(rf"{before}(?P<record>\{{\s*{re.escape(first[1])}\s*:)")
                return cls(pattern, first[1], before != _ANYWHERE)
        return None

    @classmethod
    def here(cls, text: str, at: int) -> "_Beginning | None":
        """As the record at ``at`` does; None: there is none."""
        first = re.compile(_KEY).match(text, at)
        if first is None:
            return None
        _, line, indent = text[max(0, at - _LONGEST_INDENT) : at].rpartition("\n")
        before = f"\n{indent}" if line and not indent.strip(BLANK) else _ANYWHERE
        pattern = re.compile(rf"{before}(?P<record>\{{\s*{re.escape(first[1])}\s*:)")
        return cls(pattern, first[1], before != _ANYWHERE)

    def matches(self, text: str, at: int) -> bool:
        """Whether a record begins at ``at``, or the text ends within its beginning."""
        there, whole = "".join(text[at : at + _LONGEST_BEGINNING].split()), f"{{{self.key}:"
        return there.startswith(whole) or whole.startswith(there)


def _skipped(text: str, at: int, what: str) -> int:
    while at < len(text) and text[at] in what:
        at += 1
    return at
