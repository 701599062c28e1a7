"""Encrypted messages of MTProto 2.0: https://core.telegram.org/mtproto/description. Version 1 is refused by its key."""

import secrets
import struct
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import Final

import cryptg

from hanfleet.sandbox.telegram.errors import MalformedPacketError

_CLIENT: Final = 0
_SERVER: Final = 8


@dataclass(frozen=True, slots=True)
class Envelope:
    """What one packet says once it is opened: salt and ids are signed 64-bit numbers."""

    salt: int
    session_id: int
    msg_id: int
    seqno: int
    body: bytes


def key_id_of(auth_key: bytes) -> int:
    """The signed number by which an authorisation key is named: the lower 64 bits of its SHA1."""
    return int.from_bytes(sha1(auth_key).digest()[-8:], "little", signed=True)  # noqa: S324 the protocol asks for it


def encrypt_ige(data: bytes, key: bytes, iv: bytes) -> bytes:
    """AES-256 in IGE mode; ``data`` is whole blocks, ``iv`` 32 bytes."""
    return bytes(cryptg.encrypt_ige(data, key, iv))


def decrypt_ige(data: bytes, key: bytes, iv: bytes) -> bytes:
    """The inverse of ``encrypt_ige``."""
    return bytes(cryptg.decrypt_ige(data, key, iv))


def _derive(auth_key: bytes, msg_key: bytes, side: int) -> tuple[bytes, bytes]:
    a = sha256(msg_key + auth_key[side : side + 36]).digest()
    b = sha256(auth_key[side + 40 : side + 76] + msg_key).digest()
    return a[:8] + b[8:24] + a[24:32], b[:8] + a[8:24] + b[24:32]


def open_packet(auth_key: bytes, packet: bytes) -> Envelope:
    """Decrypt and check a packet from a client. Raises MalformedPacketError for whatever is wrong with it."""
    if len(packet) < 24 + 48 or (len(packet) - 24) % 16:
        raise MalformedPacketError("an encrypted packet has an impossible length")
    msg_key = packet[8:24]
    plain = decrypt_ige(packet[24:], *_derive(auth_key, msg_key, _CLIENT))
    if sha256(auth_key[88:120] + plain).digest()[8:24] != msg_key:
        raise MalformedPacketError("the msg_key does not fit the message")
    salt, session_id, msg_id, seqno, length = struct.unpack_from("<qqqii", plain)
    padding = len(plain) - 32 - length
    if length < 4 or length % 4 or not 12 <= padding <= 1024:
        raise MalformedPacketError("the length of the message or of its padding is wrong")
    return Envelope(salt, session_id, msg_id, seqno, plain[32 : 32 + length])


def seal_packet(auth_key: bytes, key_id: int, envelope: Envelope) -> bytes:
    """A packet for a client."""
    plain = struct.pack(
        "<qqqii", envelope.salt, envelope.session_id, envelope.msg_id, envelope.seqno, len(envelope.body)
    )
    plain += envelope.body
    plain += secrets.token_bytes(12 + -(len(plain) + 12) % 16)
    msg_key = sha256(auth_key[96:128] + plain).digest()[8:24]
    return struct.pack("<q", key_id) + msg_key + encrypt_ige(plain, *_derive(auth_key, msg_key, _SERVER))
