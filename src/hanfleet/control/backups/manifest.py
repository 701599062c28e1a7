"""What a backup says of itself: what is in it, how long each part is, and its key, wrapped.

A manifest has one spelling: bytes that say the same in another way are refused as damaged. Three things guard it. The
checksum finds accidents without any key; the tag proves, with the backup's key, that nobody rewrote it; and the wrapped
key stands outside of what the tag covers, so a new master key can wrap it anew.
"""

import hashlib
import hmac
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

from hanfleet.core.errors import PermanentError
from hanfleet.store.catalogue import RangePartition, Table
from hanfleet.vault.backup_key import BackupKey
from hanfleet.vault.master_key import MasterKey

FILE = "manifest.json"
FORMAT = 1
#: The part that holds the bots' data keys, in place of a table's name.
DATA_KEYS = "data-keys"
_FORGED = "its tag does not match: it was rewritten by somebody without the key"
_Hex = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$")]


class DamagedBackupError(PermanentError):
    """A backup is not what was written. ``part`` is the file's name, ``offset`` where it goes wrong, if known.

    ``within``: it is somewhere in so many bytes from there.
    """

    def __init__(self, backup_id: str, part: str, reason: str, offset: int | None = None, within: int = 1) -> None:
        where = part
        if offset is not None:
            where += f" at byte {offset}" if within == 1 else f" in the {within // 1024} KiB from byte {offset}"
        super().__init__(f"Backup {backup_id} is damaged: {where}: {reason}. Use another one: hanfleet backup list.")
        self.backup_id = backup_id
        self.part = part
        self.offset = offset
        self.reason = reason


class Part(BaseModel):
    """One file: the rows of a table, or the data keys. ``size`` and ``sha256`` are of the file, sealed as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    columns: tuple[str, ...] = ()
    rows: int
    size: int
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.name}.part"

    @property
    def table(self) -> Table:
        return Table(self.name, self.columns)


class Contents(BaseModel):
    """All that the tag covers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    id: str
    bot_id: str | None
    begun_at: datetime
    release: str
    install_id: str
    revision: str
    bots: tuple[str, ...]
    parts: tuple[Part, ...]
    partitions: tuple[RangePartition, ...]
    sequences: dict[str, int]

    @property
    def tables(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.name != DATA_KEYS)

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.tables)

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)

    def spelt(self) -> bytes:
        """As bytes, for the tag."""
        return spelt(self.model_dump(mode="json"))


class Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    contents: Contents
    wrapped_key: _Hex
    tag: _Hex

    @classmethod
    def of(cls, contents: Contents, key: BackupKey, master_key: MasterKey) -> Self:
        return cls(contents=contents, wrapped_key=key.wrap(master_key).hex(), tag=key.tag(contents.spelt()).hex())

    def spelt(self) -> bytes:
        """As bytes, for the file."""
        document = self.model_dump(mode="json")
        checksum = hashlib.sha256(spelt(document)).hexdigest()
        return spelt(document | {"checksum": checksum}) + b"\n"

    def save(self, folder: Path) -> None:
        """Put it into ``folder`` in one step, in place of the one that is there, and bring it to the disk."""
        draft = folder / f".{FILE}"
        try:
            with draft.open("wb") as file:
                file.write(self.spelt())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(folder / FILE)
        except OSError as refused:
            raise PermanentError(f"{folder / FILE} cannot be written ({refused.strerror}).") from refused

    def rewrapped(self, old: MasterKey, new: MasterKey) -> "Manifest":
        """The same under another master key. Raises PermanentError when ``old`` does not open it."""
        key = self._unwrapped(old)
        return self.model_copy(update={"wrapped_key": key.wrap(new).hex()})

    def opens_with(self, master_key: MasterKey) -> bool:
        """Whether ``master_key`` wrapped its key."""
        try:
            self._unwrapped(master_key)
        except PermanentError:
            return False
        return True

    def key(self, master_key: MasterKey) -> BackupKey:
        """The backup's key. Raises PermanentError for another master key, DamagedBackupError for a forged manifest."""
        key = self._unwrapped(master_key)
        if not hmac.compare_digest(key.tag(self.contents.spelt()), bytes.fromhex(self.tag)):
            raise DamagedBackupError(
                self.contents.id, FILE, "its tag does not match: it was rewritten by somebody without the key"
            )
        return key

    def _unwrapped(self, master_key: MasterKey) -> BackupKey:
        return BackupKey.unwrap(self.contents.id, bytes.fromhex(self.wrapped_key), master_key)


def spelt(document: Any) -> bytes:
    """The one spelling."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1).encode()
