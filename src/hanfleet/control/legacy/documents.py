"""A JSON file as a value, however it was damaged: other encodings, empty, cut in the middle, two documents in one.

Of a cut document everything before the cut is kept, in whole records; the rest goes to the report word for word.
"""

import codecs
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanfleet.control.legacy.cleaning import free_key
from hanfleet.control.legacy.oddities import Oddities, quoted

_BLANK = " \t\r\n"
_BROKEN = (ValueError, RecursionError)  # JSONDecodeError is a ValueError; so is a number of 5000 digits


@dataclass
class _Salvage:
    """A walk over a broken document: what is whole is taken, the first thing that is not ends it."""

    text: str
    decoder: json.JSONDecoder
    lost: int = field(default=0)

    def value(self, at: int) -> tuple[Any, int, bool]:
        """(value, where it ends, whole). Raises ValueError when there is nothing to take."""
        at = self.skip(at)
        try:
            value, end = self.decoder.raw_decode(self.text, at)
        except _BROKEN:
            if self.text[at : at + 1] == "{":
                return self._object(at + 1)
            if self.text[at : at + 1] == "[":
                return self._list(at + 1)
            self.lost = at
            raise ValueError("nothing whole") from None
        return value, end, True

    def skip(self, at: int, also: str = "") -> int:
        while at < len(self.text) and self.text[at] in _BLANK + also:
            at += 1
        return at

    def _list(self, at: int) -> tuple[list[Any], int, bool]:
        items: list[Any] = []
        while True:
            at = self.skip(at, ",")
            self.lost = at
            if self.text[at : at + 1] == "]":
                return items, at + 1, True
            try:
                # A record of a list is taken whole or not at all.
                item, at = self.decoder.raw_decode(self.text, at)
            except _BROKEN:
                return items, at, False
            items.append(item)

    def _object(self, at: int) -> tuple[dict[str, Any], int, bool]:
        fields: dict[str, Any] = {}
        whole = True
        while whole:
            at = self.skip(at, ",")
            self.lost = at
            if self.text[at : at + 1] == "}":
                return fields, at + 1, True
            try:
                key, at = self.decoder.raw_decode(self.text, at)
                at = self.skip(at)
                if not isinstance(key, str) or self.text[at : at + 1] != ":":
                    break
                value, at, whole = self.value(at + 1)
            except _BROKEN:
                break
            fields[free_key(fields, key)] = value
        return fields, at, False


class DocumentReader:
    """Reads files below ``root`` and writes what is odd about them to ``oddities``."""

    def __init__(self, root: Path, oddities: Oddities) -> None:
        self._root = root
        self._oddities = oddities
        self._twice: list[str] = []
        self._decoder = json.JSONDecoder(object_pairs_hook=self._pairs, strict=False)

    def name(self, path: Path) -> str:
        """The path below the root."""
        return path.relative_to(self._root).as_posix()

    def text(self, path: Path) -> str | None:
        """The file's text; None, with a note, when it cannot be read."""
        try:
            raw = path.read_bytes()
        except OSError as refused:
            self._oddities.note(self.name(path), "", f"unreadable: {refused.strerror}", "left out")
            return None
        text, odd = decode(raw)
        if odd:
            self._oddities.note(self.name(path), "", odd, "read all the same")
        return text

    def load(self, path: Path) -> list[Any]:
        """The documents in the file: one as a rule, none when nothing could be read, several when they were joined."""
        text = self.text(path)
        if text is None:
            return []
        name = self.name(path)
        if not text.strip(_BLANK + "\x00"):
            reason = "an empty file" if not text else "a file of blanks or NUL bytes only"
            self._oddities.note(name, "", reason, "nothing to import from it")
            return []
        self._twice.clear()
        documents = self._parse(text, name)
        for key in self._twice:
            self._oddities.note(name, key, "the same key twice in one object", "both kept, one with a suffix")
        return documents

    def _parse(self, text: str, name: str) -> list[Any]:
        salvage = _Salvage(text, self._decoder)
        documents: list[Any] = []
        at = salvage.skip(0)
        while at < len(text):
            twice = len(self._twice)
            try:
                value, end, whole = salvage.value(at)
            except ValueError:
                self._oddities.note(
                    name, f"character {at}", f"broken JSON: {quoted(text[at:])}",
                    "nothing after this place could be read" if documents else "nothing could be read",
                )  # fmt: skip
                break
            documents.append(value)
            if not whole:
                del self._twice[twice:]
                self._oddities.note(
                    name, f"character {salvage.lost}", f"broken JSON: {quoted(text[salvage.lost:])}",
                    "everything before this place was taken, the rest left out",
                )  # fmt: skip
                break
            at = salvage.skip(end)
        if len(documents) > 1:
            self._oddities.note(name, "", "more than one document in one file", "all of them read, in order")
        return documents

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) == len(pairs):
            return fields
        # Snapshots are named by the second, so of two with one name the later keeps its rank by the suffix. Anything
        # else means its last value, as in every reader of JSON, and the earlier ones get the suffix.
        fields = {}
        for key, value in pairs:
            if key not in fields:
                fields[key] = value
                continue
            self._twice.append(key)
            aside = free_key(fields, key)
            if key.lstrip("-").isdigit():
                fields[aside] = value
            else:
                fields[aside], fields[key] = fields[key], value
        return fields


def decode(raw: bytes) -> tuple[str, str]:
    """The text of a file, and what is odd about its encoding ("": it is UTF-8)."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", "replace" if len(raw) % 2 else "surrogatepass"), "wrong encoding: UTF-16"
    odd = ""
    if raw.startswith(codecs.BOM_UTF8):
        raw, odd = raw.removeprefix(codecs.BOM_UTF8), "wrong encoding: a byte order mark before UTF-8"
    try:
        return raw.decode(), odd
    except UnicodeDecodeError as error:
        if error.start >= len(raw) - 3 and error.end == len(raw):
            # Cut within a character: the JSON is cut too, and says so itself.
            return raw[: error.start].decode(), odd or "cut within a character"
    mostly = raw.decode("utf-8", "surrogateescape")
    broken = sum("\udc80" <= char <= "\udcff" for char in mostly)
    sound = sum(char > "\x7f" for char in mostly) - broken
    if sound >= broken:
        return mostly, f"wrong encoding: {broken} bytes are no UTF-8"
    try:
        return raw.decode("cp1251"), "wrong encoding: Windows-1251"
    except UnicodeDecodeError:
        return mostly, f"wrong encoding: {broken} bytes are no UTF-8"
