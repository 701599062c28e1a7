"""Obfuscated2: a 64-byte header from which two AES-CTR streams follow, one for each direction.

https://core.telegram.org/mtproto/mtproto-transports#transport-obfuscation. Secrets of proxies are not taken.
"""

from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

HEADER_LENGTH: Final = 64


def _stream(key: bytes, iv: bytes) -> CipherContext:
    return Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()


class Obfuscation:
    """The two streams of one connection, made from the client's header."""

    def __init__(self, header: bytes) -> None:
        backwards = header[8:56][::-1]
        self._incoming = _stream(header[8:40], header[40:56])
        self._outgoing = _stream(backwards[:32], backwards[32:48])
        self.tag = self._incoming.update(header)[56:60]

    def reveal(self, data: bytes) -> bytes:
        """Bytes from the client in the clear; the streams go on, so call it once for each byte."""
        return self._incoming.update(data)

    def hide(self, data: bytes) -> bytes:
        """Bytes for the client."""
        return self._outgoing.update(data)
