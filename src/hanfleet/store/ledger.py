"""The ledger of erasures: a file beside the backups that says who must stay erased, without saying who that is.

One line of JSON an entry: a keyed hash (HMAC-SHA-256) of bot and chat, or of the bot, and when the erasure was asked
for, so that a person who writes again later is somebody new; and a check over both, for a digit that was changed would
name nobody. It is written and on the disk before the erasure is committed: after a crash in between, the contact that
was to go is still named, and goes at the next start. Lines are only ever added. Refuses a damaged ledger and a key that
is not its own: half a ledger would bring people back.
"""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import stat
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from hanfleet.core.errors import PermanentError, TemporaryError
from hanfleet.kit.disk import append_whole, sync_folder

FILE = "erased.jsonl"
_KEY_BYTES = 32
_CHECK = "which key"
_CHECK_BYTES = 8
_FIELDS = ({"mark", "until", "check"}, {"mark", "until"})  # lines were written without a check once


@dataclass(frozen=True)
class Entry:
    """``until``: whoever was first met up to then is meant, and nobody who was met later."""

    mark: bytes
    until: datetime


@dataclass(frozen=True)
class Ledger:
    """The file at ``path``, which may not be there yet, and the key that its marks are made with."""

    path: Path
    key: bytes = field(repr=False)

    @classmethod
    def open(cls, folder: Path, key_file: Path) -> "Ledger":
        """The ledger in ``folder``. A missing key is made, unless there is a ledger already.

        Raises PermanentError for a key that is missing, open to others, or no key.
        """
        path = folder / FILE
        if not key_file.exists():
            if path.exists():
                raise PermanentError(
                    f"{key_file} is missing, and without it {path} does not say who was erased: put the key back from"
                    " where you keep a copy."
                )
            _make_key(key_file)
        return cls(path, _read_key(key_file))

    def contact_mark(self, bot_id: str, chat_id: int) -> bytes:
        return self._mark("contact", bot_id, str(chat_id))

    def bot_mark(self, bot_id: str) -> bytes:
        return self._mark("bot", bot_id)

    def append(self, entry: Entry) -> None:
        """Add ``entry``; it is on the disk when this returns. One that stands already is not added again.

        Raises TemporaryError when there is no room for it, and then the file is as it was.
        """
        if entry in self.entries():
            return
        try:
            self._add(self._line(entry))
        except OSError as refused:
            raise TemporaryError(
                f"{self.path} cannot be written ({refused.strerror}), and nobody is erased who does not stand in it:"
                " make room there, then try again."
            ) from refused

    def _add(self, line: str) -> None:
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            whole = os.pread(descriptor, size, 0).rfind(b"\n") + 1
            if whole < size:
                # A line that was cut off in the middle, before its erasure was acknowledged, counts for nothing.
                os.ftruncate(descriptor, whole)
            head = "" if whole else self._head()
            append_whole(descriptor, f"{head}{line}".encode())
        finally:
            os.close(descriptor)
        sync_folder(self.path.parent)

    def entries(self) -> list[Entry]:
        """All entries, oldest first; none when there is no file. Raises PermanentError."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as refused:
            raise PermanentError(f"{self.path} cannot be read: put it back from where you keep a copy.") from refused
        whole = text[: text.rfind("\n") + 1].splitlines()
        if not whole:
            return []
        self._check_head(whole[0])
        return [self._entry(number, line) for number, line in enumerate(whole[1:], 2)]

    def _entry(self, number: int, line: str) -> Entry:
        try:
            return self._checked(json.loads(line))
        except (ValueError, KeyError, TypeError) as broken:
            raise PermanentError(
                f"Line {number} of {self.path} is damaged, so somebody who was erased could come back: put the file"
                " back from where you keep a copy."
            ) from broken

    def _checked(self, values: dict[str, Any]) -> Entry:
        entry = Entry(bytes.fromhex(values["mark"]), datetime.fromisoformat(values["until"]))
        if set(values) not in _FIELDS or values.get("check", self._check_of(entry)) != self._check_of(entry):
            raise ValueError("its check does not fit")
        return entry

    def _check_head(self, line: str) -> None:
        try:
            check = json.loads(line)["key"]
        except (ValueError, KeyError, TypeError):
            check = ""
        if not hmac.compare_digest(str(check), self._mark(_CHECK).hex()):
            raise PermanentError(
                f"{self.path} was written with another erasure key, or its first line is damaged: put both back from"
                " where you keep copies."
            )

    def _line(self, entry: Entry) -> str:
        return _as_line({"mark": entry.mark.hex(), "until": entry.until.isoformat(), "check": self._check_of(entry)})

    def _check_of(self, entry: Entry) -> str:
        return self._mark("line", entry.mark.hex(), entry.until.isoformat())[:_CHECK_BYTES].hex()

    def _head(self) -> str:
        return _as_line({"version": 1, "key": self._mark(_CHECK).hex()})

    def _mark(self, *parts: str) -> bytes:
        # Lengths stand before the parts, so no two read the same.
        told = b"".join(len(raw).to_bytes(4, "big") + raw for raw in (part.encode() for part in parts))
        return hmac.digest(self.key, told, hashlib.sha256)


def _as_line(values: dict[str, Any]) -> str:
    return json.dumps(values) + "\n"


def _make_key(path: Path) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link refuses where a rename would replace: of two that make it at once, the first one's stays.
            os.link(draft, path)
        except FileExistsError:
            return
        sync_folder(path.parent)
    finally:
        draft.unlink()


def _read_key(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read(4 * _KEY_BYTES)
    except OSError as refused:
        raise PermanentError(f"The erasure key {path} cannot be read ({refused.strerror}): mend that.") from refused
    if mode & 0o077:
        raise PermanentError(f"The erasure key {path} is open to other users (mode {mode:04o}): run chmod 600 {path}.")
    try:
        key = bytes.fromhex(raw.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise PermanentError(
            f"The erasure key {path} must hold {2 * _KEY_BYTES} hex digits and nothing else: put it back from a copy."
        )
    return key
