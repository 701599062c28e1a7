"""Sealing with AES-256-GCM (NIST SP 800-38D), bound to the place where the sealed value belongs.

A sealed value is: version byte, number of the key (32 bits, big-endian), 96-bit nonce, ciphertext with its 128-bit tag.
Version 1, which older releases wrote, names no key. Key, owner and field are associated data, so a value copied to
another bot's row or to another field of the same row does not open there. Nonces are random and not injected: a
repeated nonce under one key would give the key's secrets away, and one key seals far fewer than 2**32 values.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hanfleet.core.errors import PermanentError

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_UNNAMED = b"\x01"
_NAMED = b"\x02"
_NUMBER_BYTES = 4


class Cipher:
    """Seals and opens under one key of 32 bytes with a number from 0 to 2**32-1. Raises ValueError for others."""

    def __init__(self, key: bytes, number: int = 1) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self._aead = AESGCM(key)
        try:
            self.prefix = prefix_of(number)
        except OverflowError as refused:
            raise ValueError(f"{number} is no number of a key") from refused

    def seal(self, owner: str, field: str, plaintext: bytes) -> bytes:
        """Encrypt ``plaintext`` for ``field`` of ``owner`` (a bot's id); never twice the same."""
        nonce = os.urandom(_NONCE_BYTES)
        return self.prefix + nonce + self._aead.encrypt(nonce, plaintext, _place(self.prefix, owner, field))

    def open(self, owner: str, field: str, sealed: bytes) -> bytes:
        """The inverse of ``seal``. Raises PermanentError for another key, another place or a changed value."""
        prefix = sealed[:1] if sealed[:1] == _UNNAMED else sealed[: len(self.prefix)]
        nonce, body = sealed[len(prefix) :][:_NONCE_BYTES], sealed[len(prefix) + _NONCE_BYTES :]
        if prefix not in (_UNNAMED, self.prefix) or len(body) < _TAG_BYTES:
            raise PermanentError(f"{field} of {owner} {_NOT_OURS}")
        try:
            return self._aead.decrypt(nonce, body, _place(prefix, owner, field))
        except InvalidTag as refused:
            raise PermanentError(
                f"{field} of {owner} does not open with this key: put the right master key back, or set it again."
            ) from refused


_NOT_OURS = "was not sealed by this release with a key that is known: restore it from a backup, or set it again."


def prefix_of(number: int) -> bytes:
    """How a value that the key of this number sealed begins."""
    return _NAMED + number.to_bytes(_NUMBER_BYTES, "big")


def number_in(sealed: bytes) -> int | None:
    """The number of the key that sealed it; None: it names none."""
    if sealed[:1] != _NAMED or len(sealed) < 1 + _NUMBER_BYTES:
        return None
    return int.from_bytes(sealed[1 : 1 + _NUMBER_BYTES], "big")


def _place(prefix: bytes, owner: str, field: str) -> bytes:
    """Key, owner and field as associated data. Lengths stand before both, so no two places read the same."""
    parts = (owner.encode(), field.encode())
    return prefix + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
