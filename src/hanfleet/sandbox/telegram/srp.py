"""Two-step passwords: the server's side of SRP, https://core.telegram.org/api/srp.

The password itself is never kept, only its verifier.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from hashlib import pbkdf2_hmac, sha256

from hanfleet.sandbox.telegram.primes import DH_PRIME, GENERATOR

_P = DH_PRIME.to_bytes(256, "big")
_G = GENERATOR.to_bytes(256, "big")


def _h(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


_K = int.from_bytes(_h(_P, _G), "big")


@dataclass(frozen=True, slots=True)
class Verifier:
    """What the server knows of a password: two salts and g^x as 256 bytes."""

    salt1: bytes
    salt2: bytes
    value: bytes


def make_verifier(password: str) -> Verifier:
    """The verifier of a new password, with fresh salts. Takes some 50 ms, as it should."""
    salt1, salt2 = secrets.token_bytes(40), secrets.token_bytes(16)
    primary = _h(salt2, _h(salt1, password.encode(), salt1), salt2)
    x = _h(salt2, pbkdf2_hmac("sha512", primary, salt1, 100_000), salt2)
    value = pow(GENERATOR, int.from_bytes(x, "big"), DH_PRIME)
    return Verifier(salt1, salt2, value.to_bytes(256, "big"))


def random_salts() -> tuple[bytes, bytes]:
    """Salts offered for a password that a client might set."""
    return secrets.token_bytes(8), secrets.token_bytes(16)


@dataclass(slots=True)
class Challenge:
    """One question to one client; ``public`` is srp_B. It is good for one answer."""

    verifier: Verifier
    srp_id: int = field(default_factory=lambda: secrets.randbits(62) + 1)
    _b: int = field(default_factory=lambda: secrets.randbits(2048))

    @property
    def public(self) -> bytes:
        value = int.from_bytes(self.verifier.value, "big")
        return ((_K * value + pow(GENERATOR, self._b, DH_PRIME)) % DH_PRIME).to_bytes(256, "big")

    def is_answered_by(self, a: bytes, m1: bytes) -> bool:
        """Whether the client that sent srp_A and M1 knows the password."""
        public_a = int.from_bytes(a, "big")
        if len(a) > 256 or public_a % DH_PRIME == 0:
            return False
        a, b = public_a.to_bytes(256, "big"), self.public
        u = int.from_bytes(_h(a, b), "big")
        value = int.from_bytes(self.verifier.value, "big")
        shared = pow(public_a * pow(value, u, DH_PRIME) % DH_PRIME, self._b, DH_PRIME).to_bytes(256, "big")
        mixed = bytes(x ^ y for x, y in zip(_h(_P), _h(_G), strict=True))
        salts = _h(self.verifier.salt1), _h(self.verifier.salt2)
        return hmac.compare_digest(_h(mixed, *salts, a, b, _h(shared)), m1)
