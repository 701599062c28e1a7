"""The server's RSA key: made once, named by its fingerprint, and the two forms in which clients encrypt to it.

Both https://core.telegram.org/mtproto/auth_key (RSA_PAD) and the older SHA1 form of Telethon and Pyrogram are taken.
"""

from hashlib import sha1, sha256

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from hanfleet.sandbox.telegram.cipher import decrypt_ige
from hanfleet.sandbox.telegram.errors import MalformedPacketError
from hanfleet.sandbox.telegram.tl import TLObject, parse_with_length


class ServerKey:
    """A 2048-bit RSA key with exponent 65537."""

    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        self._private = private
        numbers = private.private_numbers()
        self._numbers, self._n = numbers, numbers.public_numbers.n
        self.fingerprint = _fingerprint(numbers.public_numbers)

    @classmethod
    def generate(cls) -> "ServerKey":
        """A new key, never one whose fingerprint begins with a zero nibble: mtcute does not find such keys."""
        while True:
            key = cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))
            if (key.fingerprint & (1 << 64) - 1) >> 60:
                return key

    @classmethod
    def from_pem(cls, pem: str) -> "ServerKey":
        """The key that ``private_pem`` wrote."""
        private = load_pem_private_key(pem.encode(), password=None)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise TypeError("the stored server key is not an RSA key: remove the sandbox's directory to start anew")
        return cls(private)

    @property
    def private_pem(self) -> str:
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()

    @property
    def public_pem(self) -> str:
        """PKCS#1 ("RSA PUBLIC KEY"), the form in which clients carry Telegram's keys."""
        return self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()

    def decrypt(self, encrypted: bytes) -> bytes:
        """The TL bytes that a client encrypted, perhaps with padding after them.

        Raises MalformedPacketError when neither form fits.
        """
        number = int.from_bytes(encrypted, "big")
        if len(encrypted) != 256 or number >= self._n:
            raise MalformedPacketError("the encrypted data is no 256-byte number below the key's modulus")
        block = self._power(number).to_bytes(256, "big")
        data = _open_rsa_pad(block) or _open_sha1(block[1:])
        if data is None:
            raise MalformedPacketError("the encrypted data has neither of the two known forms")
        return data

    def _power(self, number: int) -> int:
        """By the Chinese remainder theorem (RFC 8017, section 5.1.2): a quarter of the time."""
        key = self._numbers
        first, second = pow(number, key.dmp1, key.p), pow(number, key.dmq1, key.q)
        return second + (first - second) * key.iqmp % key.p * key.q


def _fingerprint(public: rsa.RSAPublicNumbers) -> int:
    """Lower 64 bits of the SHA1 of both numbers as TL strings, signed."""
    parts = (number.to_bytes((number.bit_length() + 7) // 8, "big") for number in (public.n, public.e))
    encoded = b"".join(TLObject.serialize_bytes(part) for part in parts)  # type: ignore[no-untyped-call]
    return int.from_bytes(sha1(encoded).digest()[-8:], "little", signed=True)  # noqa: S324 the protocol asks for it


def _open_rsa_pad(block: bytes) -> bytes | None:
    hidden_key, encrypted = block[:32], block[32:]
    key = bytes(a ^ b for a, b in zip(hidden_key, sha256(encrypted).digest(), strict=True))
    plain = decrypt_ige(encrypted, key, bytes(32))
    padded, digest = plain[:192][::-1], plain[192:]
    return padded if sha256(key + padded).digest() == digest else None


def _open_sha1(block: bytes) -> bytes | None:
    digest, data = block[:20], block[20:]
    try:
        _, length = parse_with_length(data)
    except Exception:  # noqa: BLE001 random bytes are no TL; the caller says so in its own words
        return None
    return data if sha1(data[:length]).digest() == digest else None  # noqa: S324 the protocol asks for it
