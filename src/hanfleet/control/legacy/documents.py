"""A JSON file as a value, however it was damaged: other encodings, empty, cut at either end or broken, two in one.

Of a cut or spoiled document everything that is whole is taken, record by record; what lies between is kept with the
import, word for word.
"""

import codecs
import json
import re
from pathlib import Path
from typing import Any

from hanfleet.control.legacy.cleaning import free_key
from hanfleet.control.legacy.oddities import Oddities, quoted
from hanfleet.control.legacy.salvaging import BLANK, BROKEN, Salvage

_LONGEST_KEPT = 1 << 20
#: Whose name says whose it is: what is kept of any other file could not be found when a contact is erased.
_OF_ONE_CHAT = re.compile("(?:^|/)-?[0-9]")


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
            self._oddities.pass_over(self.name(path), "", f"unreadable: {refused.strerror}", what="files")
            return None
        text, odd = decode(raw)
        if odd:
            self._oddities.note(self.name(path), "", odd, "read all the same")
        return text

    def load(self, path: Path, *, log: bool = False) -> list[Any]:
        """The documents in the file: one as a rule, none when nothing could be read, several when they were joined.

        ``log``: the file is a list of records or has one, and where its beginning is gone these are looked for.
        """
        text = self.text(path)
        if text is None:
            return []
        name = self.name(path)
        if not text.strip(BLANK + "\x00"):
            reason = "an empty file" if not text else "a file of blanks or NUL bytes only"
            self._oddities.note(name, "", reason, "nothing to import from it")
            return []
        self._twice.clear()
        documents = self._parse(text, name, log=log)
        for key in self._twice:
            self._oddities.note(name, key, "the same key twice in one object", "both kept, one with a suffix")
        return documents

    def _parse(self, text: str, name: str, *, log: bool) -> list[Any]:
        salvage = Salvage(text, self._decode)
        documents: list[Any] = []
        at = salvage.skip(0)
        while at < len(text):
            try:
                value, at, whole = salvage.document(at, log=log)
            except ValueError:
                salvage.gaps.append((at, len(text)))
                break
            documents.append(value)
            if not whole:
                break
            at = salvage.skip(at)
        for begin, end in salvage.gaps:
            if begin == end:
                self._note_end(name, begin, is_beginning=begin < len(text))
            else:
                self._keep_gap(name, text, begin, end)
        if salvage.has_mended and not salvage.gaps:
            reason = "broken JSON: commas or brackets that are missing, or too many"
            self._oddities.note(name, "", reason, "all that is there was read")
        if len(documents) > 1:
            self._oddities.note(name, "", "more than one document in one file", "all of them read, in order")
        return documents

    def _note_end(self, name: str, at: int, *, is_beginning: bool) -> None:
        """Of a text that lacks its beginning or end nothing that is there is lost; what was there, nobody can say."""
        what = "beginning" if is_beginning else "end"
        reason = f"broken JSON: its {what} is missing, a bracket at least"
        self._oddities.note(name, f"character {at}", reason, "all that is there was read")

    def _keep_gap(self, name: str, text: str, begin: int, end: int) -> None:
        lost = text[begin:end]
        self._oddities.count_unread(name, "characters", len(lost))
        where, reason = f"character {begin}", f"broken JSON: {len(lost)} characters that are no whole record"
        if not _OF_ONE_CHAT.search(name):
            self._oddities.note(name, where, f"{reason}: {quoted(lost)}", "left out; what is whole was taken")
            return
        if len(lost) > _LONGEST_KEPT:
            reason = f"{reason}, the first {_LONGEST_KEPT} of them kept"
        self._oddities.keep(name, where, lost[:_LONGEST_KEPT], reason=reason)

    def _decode(self, text: str, at: int) -> tuple[Any, int]:
        """The value at ``at`` and where it ends; of one that is broken, no key is remembered."""
        twice = len(self._twice)
        try:
            return self._decoder.raw_decode(text, at)
        except BROKEN:
            del self._twice[twice:]
            raise

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
