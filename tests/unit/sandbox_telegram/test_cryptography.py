"""Envelopes, keys and passwords: what is sealed opens, what is touched does not."""

import os
import struct
from hashlib import sha1, sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from telethon import password
from telethon.tl import types

from hanfleet.sandbox.telegram import cipher
from hanfleet.sandbox.telegram.cipher import Envelope
from hanfleet.sandbox.telegram.errors import MalformedPacketError
from hanfleet.sandbox.telegram.primes import DH_PRIME, GENERATOR, is_small_prime, two_primes
from hanfleet.sandbox.telegram.server_key import ServerKey
from hanfleet.sandbox.telegram.srp import Challenge, make_verifier

_KEY = bytes(range(256))


def _from_client(body: bytes, *, padding: int = 12, length: int | None = None) -> bytes:
    plain = struct.pack("<qqqii", 1, 2, 4, 5, len(body) if length is None else length) + body + os.urandom(padding)
    msg_key = sha256(_KEY[88:120] + plain).digest()[8:24]
    key, iv = cipher._derive(_KEY, msg_key, 0)
    return struct.pack("<q", cipher.key_id_of(_KEY)) + msg_key + cipher.encrypt_ige(plain, key, iv)


def test_a_clients_packet_opens() -> None:
    assert cipher.open_packet(_KEY, _from_client(b"body" * 9)) == Envelope(1, 2, 4, 5, b"body" * 9)


@pytest.mark.parametrize(
    "packet",
    [
        _from_client(b"body" * 9)[:-16],
        _from_client(b"body" * 9)[:-1],
        _from_client(b"body" * 9, length=4000),
        _from_client(b"body" * 9, length=35),
        _from_client(b"body" * 8 + b"1234", padding=1036),
        _from_client(b"body" * 12, padding=0),
        bytes(24),
    ],
    ids=["cut", "odd", "length over", "length odd", "much padding", "no padding", "empty"],
)
def test_a_damaged_packet_does_not_open(packet: bytes) -> None:
    with pytest.raises(MalformedPacketError):
        cipher.open_packet(_KEY, packet)


def test_a_sealed_packet_is_what_clients_expect() -> None:
    packet = cipher.seal_packet(_KEY, cipher.key_id_of(_KEY), Envelope(1, 2, 3, 4, b"answer!!"))
    assert packet[:8] == sha1(_KEY).digest()[-8:]
    plain = cipher.decrypt_ige(packet[24:], *cipher._derive(_KEY, packet[8:24], 8))
    assert sha256(_KEY[96:128] + plain).digest()[8:24] == packet[8:24]
    assert struct.unpack_from("<qqqii", plain) == (1, 2, 3, 4, 8)
    assert plain[32:40] == b"answer!!"
    assert 12 <= len(plain) - 40 <= 1024


def test_primes_are_prime_and_the_group_is_the_known_one() -> None:
    primes = [number for number in range(3, 2000, 2) if is_small_prime(number)]
    assert primes == [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]
    assert not is_small_prime(25_326_001)  # a strong pseudoprime to 2, 3 and 5
    smaller, larger = two_primes()
    assert 2**15 < smaller < 2**16
    assert 2**30 < larger < 2**31
    assert is_small_prime(smaller)
    assert is_small_prime(larger)
    password.check_prime_and_good(DH_PRIME.to_bytes(256, "big"), GENERATOR)


def test_a_server_key_comes_back_from_its_pem() -> None:
    key = ServerKey.generate()
    assert ServerKey.from_pem(key.private_pem).fingerprint == key.fingerprint
    assert key.public_pem.startswith("-----BEGIN RSA PUBLIC KEY-----")
    pem = load_pem_public_key(key.public_pem.encode())
    assert isinstance(pem, RSAPublicKey)
    public = pem.public_numbers()
    for number in (0, 1, 2**2000 + 1, public.n - 1):
        assert key._power(pow(number, public.e, public.n)) == number
    for block in (bytes(256), b"\xff" * 256, bytes(12)):
        with pytest.raises(MalformedPacketError):
            key.decrypt(block)


@pytest.mark.parametrize(("typed", "right"), [("пароль", True), ("parol", False)])
def test_a_password_is_proved_without_being_told(typed: str, right: bool) -> None:
    verifier = make_verifier("пароль")
    challenge = Challenge(verifier)
    kind = types.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow
    algorithm = kind(verifier.salt1, verifier.salt2, GENERATOR, DH_PRIME.to_bytes(256, "big"))
    asked = types.account.Password(
        new_algo=algorithm,
        new_secure_algo=types.SecurePasswordKdfAlgoUnknown(),
        secure_random=b"",
        has_password=True,
        current_algo=algorithm,
        srp_B=challenge.public,
        srp_id=challenge.srp_id,
    )
    answer = password.compute_check(asked, typed)
    assert challenge.is_answered_by(answer.A, answer.M1) is right
    assert not challenge.is_answered_by(bytes(256), answer.M1)
    assert not challenge.is_answered_by(DH_PRIME.to_bytes(256, "big"), answer.M1)
