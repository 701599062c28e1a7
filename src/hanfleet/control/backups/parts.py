"""One part of a backup as a file: rows, compressed, sealed in chunks. Memory stays flat in both directions."""

import hashlib
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO, Self

from hanfleet.control.backups.manifest import DamagedBackupError, Part
from hanfleet.control.backups.opening import open_file
from hanfleet.control.backups.progress import Steps
from hanfleet.core.errors import PermanentError
from hanfleet.vault.backup_key import BackupKey
from hanfleet.vault.sealed_stream import CHUNK_BYTES, DamagedStreamError, StreamSealer, opened

# Rows of text shrink to a third at the fastest level; the next levels cost several times more for little.
_LEVEL = 1
# What one chunk may unfold to at once: zlib packs empty columns a thousandfold.
_UNPACKED_AT_ONCE = 1024 * 1024


class PartWriter:
    """Takes rows and writes the file; ``done`` belongs to it."""

    def __init__(self, folder: Path, name: str, key: BackupKey, steps: Steps) -> None:
        self._name = name
        self._steps = steps
        steps.begin(name)
        self._file: BinaryIO = (folder / f"{name}.part").open("xb")
        self._sealer = StreamSealer(key.for_part(name), self._write)
        self._compressor = zlib.compressobj(_LEVEL)
        self._hash = hashlib.sha256()
        self._size = 0

    async def feed(self, data: bytes) -> None:
        """The store's Sink. Raises PermanentError when there is no room."""
        self._sealer.feed(self._compressor.compress(data))

    def done(self, rows: int, columns: tuple[str, ...] = ()) -> Part:
        """Bring it to the disk."""
        self._sealer.feed(self._compressor.flush())
        self._sealer.finish()
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as refused:
            raise _full(refused) from refused
        return Part(name=self._name, columns=columns, rows=rows, size=self._size, sha256=self._hash.hexdigest())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _write(self, sealed: bytes) -> None:
        try:
            self._file.write(sealed)
        except OSError as refused:
            raise _full(refused) from refused
        self._hash.update(sealed)
        self._size += len(sealed)
        self._steps.add(len(sealed))


class PartReader:
    """Reads one part back. Each way through it raises DamagedBackupError at the first thing that is not as written."""

    def __init__(self, folder: Path, part: Part, key: BackupKey, steps: Steps) -> None:
        self._folder = folder
        self._steps = steps
        self._part = part
        self._key = key.for_part(part.name)

    def rows(self) -> Iterator[bytes]:
        """What was fed, in pieces."""
        self._steps.begin(self._part.name)
        with open_file(self._folder, self._part.file) as file:
            self._check_length(os.fstat(file.fileno()).st_size)
            yield from self._unpacked(file)

    async def rows_for_store(self) -> AsyncIterator[bytes]:
        """The same for the store."""
        for piece in self.rows():
            yield piece

    def whole(self) -> bytes:
        """All of it at once: for small parts."""
        return b"".join(self.rows())

    def _unpacked(self, file: BinaryIO) -> Iterator[bytes]:
        unpacker = zlib.decompressobj()
        hashed = _Hashing(file, self._steps)
        try:
            for chunk in opened(self._key, hashed):
                piece = unpacker.decompress(chunk, _UNPACKED_AT_ONCE)
                while piece:
                    yield piece
                    piece = unpacker.decompress(unpacker.unconsumed_tail, _UNPACKED_AT_ONCE)
        except DamagedStreamError as damaged:
            raise DamagedBackupError(
                self._folder.name, self._part.file, damaged.reason, damaged.offset, CHUNK_BYTES
            ) from damaged
        except zlib.error as broken:
            raise self.damaged("it does not unpack") from broken
        if not unpacker.eof or (hashed.size, hashed.hash.hexdigest()) != (self._part.size, self._part.sha256):
            raise self.damaged("it is not the file that the manifest lists")

    def _check_length(self, found: int) -> None:
        """A chunk that was cut looks like one that was changed; the manifest knows better."""
        written = self._part.size
        if found < written:
            raise self.damaged(f"it is cut short, to {found} of {written} bytes")
        if found > written:
            raise self.damaged(f"it is too long: {found} bytes, and {written} were written")

    def damaged(self, reason: str) -> DamagedBackupError:
        """The error that names this part."""
        return DamagedBackupError(self._folder.name, self._part.file, reason)


class _Hashing:
    """A file that is hashed as it is read."""

    def __init__(self, file: BinaryIO, steps: Steps) -> None:
        self._file = file
        self._steps = steps
        self.hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self.hash.update(data)
        self.size += len(data)
        self._steps.add(len(data))
        return data


def _full(refused: OSError) -> PermanentError:
    return PermanentError(
        f"The backup cannot be written ({refused.strerror}): make room for it, then try again. Nothing of it was kept."
    )
