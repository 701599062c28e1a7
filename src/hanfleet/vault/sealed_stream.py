"""Sealing what is too large for one piece: a stream of chunks under AES-256-GCM (the STREAM construction).

Hoang, Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance" (2015),
section 7: the nonce is the chunk's number and a flag for the last one, so a chunk that was changed, moved, left out or
put at the end of another stream does not open. A key seals one stream only: numbers as nonces must never repeat.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hanfleet.core.errors import PermanentError

CHUNK_BYTES = 64 * 1024
_TAG_BYTES = 16
_SEALED_BYTES = CHUNK_BYTES + _TAG_BYTES


class Readable(Protocol):
    """What a file opened for reading bytes is, and what counts or hashes one."""

    def read(self, size: int, /) -> bytes: ...


class DamagedStreamError(PermanentError):
    """A sealed stream is not what was written. ``offset`` is where the first bad chunk begins, in sealed bytes.

    Where in the chunk cannot be told: it opens as a whole or not at all.
    """

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"{reason} in the {CHUNK_BYTES // 1024} KiB from byte {offset}")
        self.reason = reason
        self.offset = offset


class StreamSealer:
    """Seals what it is fed and hands the sealed chunks to ``write``. ``finish`` belongs to it, or nothing opens."""

    def __init__(self, key: bytes, write: Callable[[bytes], object]) -> None:
        self._aead = AESGCM(key)
        self._write = write
        self._pending = bytearray()
        self._number = 0

    def feed(self, data: bytes) -> None:
        """Add plaintext of any length."""
        self._pending += data
        # A full chunk waits for more: only what follows tells that it is not the last.
        while len(self._pending) > CHUNK_BYTES:
            self._seal(bytes(self._pending[:CHUNK_BYTES]), last=False)
            del self._pending[:CHUNK_BYTES]

    def finish(self) -> None:
        """Seal the rest, be it empty, as the last chunk."""
        self._seal(bytes(self._pending), last=True)
        self._pending.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._write(self._aead.encrypt(_nonce(self._number, last=last), chunk, None))
        self._number += 1


def opened(key: bytes, sealed: Readable) -> Iterator[bytes]:
    """The plaintext of a stream, chunk by chunk. Raises DamagedStreamError at the first chunk that does not open."""
    aead = AESGCM(key)
    number = 0
    chunk = sealed.read(_SEALED_BYTES)
    while True:
        following = sealed.read(_SEALED_BYTES) if len(chunk) == _SEALED_BYTES else b""
        last = not following
        try:
            yield aead.decrypt(_nonce(number, last=last), chunk, None)
        except (InvalidTag, ValueError):  # a chunk too short for a tag is a ValueError
            raise DamagedStreamError(_reason(aead, number, chunk, last=last), number * _SEALED_BYTES) from None
        if last:
            return
        chunk = following
        number += 1


def _reason(aead: AESGCM, number: int, chunk: bytes, *, last: bool) -> str:
    """A chunk that opens with the other flag is whole: what should follow is missing, or what follows is foreign."""
    try:
        aead.decrypt(_nonce(number, last=not last), chunk, None)
    except (InvalidTag, ValueError):
        return "cut short" if last and len(chunk) < _TAG_BYTES else "changed"
    return "cut short" if last else "longer than it was written"


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
