"""Sealing with AES-256-GCM (NIST SP 800-38D), bound to the place where the sealed value belongs.

A sealed value is: version byte, 96-bit nonce, ciphertext with its 128-bit tag. Bot and field are associated data, so a
value copied to another bot's row or to another field of the same row does not open there. Nonces are random and not
injected: a repeated nonce under one key would give the key's secrets away, and one key seals far fewer than 2**32
values.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hanfleet.core.errors import PermanentError

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_VERSION = b"\x01"


class Cipher:
    """Seals and opens under one key of 32 bytes. Raises ValueError for a key of another length."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self._aead = AESGCM(key)

    def seal(self, bot_id: str, field: str, plaintext: bytes) -> bytes:
        """Encrypt ``plaintext`` for ``field`` of ``bot_id``; never twice the same."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._aead.encrypt(nonce, plaintext, _place(bot_id, field))

    def open(self, bot_id: str, field: str, sealed: bytes) -> bytes:
        """The inverse of ``seal``. Raises PermanentError for another key, another place or a changed value."""
        if sealed[:1] != _VERSION or len(sealed) < len(_VERSION) + _NONCE_BYTES + _TAG_BYTES:
            raise PermanentError(
                f"{field} of bot {bot_id} was not sealed by this release: restore it from a backup, or set it again."
            )
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, body, _place(bot_id, field))
        except InvalidTag as refused:
            raise PermanentError(
                f"{field} of bot {bot_id} does not open with this key: put the right master key back, or set it again."
            ) from refused


def _place(bot_id: str, field: str) -> bytes:
    """Bot and field as associated data. Lengths stand before both, so no two places read the same."""
    parts = (bot_id.encode(), field.encode())
    return _VERSION + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
