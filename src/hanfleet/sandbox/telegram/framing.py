"""TCP transports: how packets are cut out of a stream of bytes and put into it.

https://core.telegram.org/mtproto/mtproto-transports. A transport is recognised by the first bytes that a client sends.
Obfuscated streams are in ``obfuscation``. Packets over 16 MiB are refused.
"""

import secrets
import struct
import zlib
from typing import Final, Protocol

from hanfleet.sandbox.telegram.errors import MalformedPacketError

LONGEST_PACKET: Final = 16 * 1024 * 1024
ABRIDGED_TAG: Final = 0xEF
INTERMEDIATE_TAG: Final = b"\xee\xee\xee\xee"
PADDED_TAG: Final = b"\xdd\xdd\xdd\xdd"
_QUICK_ACK: Final = 0x80000000


class Framing(Protocol):
    """One transport of one connection."""

    def take(self, buffer: bytearray) -> bytes | None:
        """Remove the next whole packet from the front of ``buffer``, or give None and leave it."""
        ...

    def frame(self, packet: bytes) -> bytes:
        """The packet as it goes onto the wire."""
        ...


def _refuse_long(length: int) -> None:
    if not 0 < length <= LONGEST_PACKET:
        raise MalformedPacketError(f"a packet of {length} bytes is refused")


class Full:
    """Length, sequence number and CRC32 around each packet."""

    def __init__(self) -> None:
        self._received = 0
        self._sent = 0

    def take(self, buffer: bytearray) -> bytes | None:
        if len(buffer) < 8:
            return None
        length, number = struct.unpack_from("<ii", buffer)
        _refuse_long(length - 12)
        if len(buffer) < length:
            return None
        whole = bytes(buffer[:length])
        del buffer[:length]
        if zlib.crc32(whole[:-4]) != int.from_bytes(whole[-4:], "little"):
            raise MalformedPacketError("the CRC32 of a full packet is wrong")
        if number != self._received:
            raise MalformedPacketError(f"full packet {number} came where {self._received} was due")
        self._received += 1
        return whole[8:-4]

    def frame(self, packet: bytes) -> bytes:
        head = struct.pack("<ii", len(packet) + 12, self._sent) + packet
        self._sent += 1
        return head + struct.pack("<I", zlib.crc32(head))


class Abridged:
    """One length byte (in words), or four for long packets."""

    def take(self, buffer: bytearray) -> bytes | None:
        if not buffer:
            return None
        head, words = 1, buffer[0] & 0x7F
        if words == 0x7F:
            if len(buffer) < 4:
                return None
            head, words = 4, int.from_bytes(buffer[1:4], "little")
        _refuse_long(words * 4)
        if len(buffer) < head + words * 4:
            return None
        packet = bytes(buffer[head : head + words * 4])
        del buffer[: head + words * 4]
        return packet

    def frame(self, packet: bytes) -> bytes:
        words = len(packet) // 4
        if words < 0x7F:
            return bytes((words,)) + packet
        return b"\x7f" + words.to_bytes(3, "little") + packet


class Intermediate:
    """Four bytes of length."""

    def take(self, buffer: bytearray) -> bytes | None:
        if len(buffer) < 4:
            return None
        length = int.from_bytes(buffer[:4], "little") & ~_QUICK_ACK
        _refuse_long(length)
        if len(buffer) < 4 + length:
            return None
        packet = bytes(buffer[4 : 4 + length])
        del buffer[: 4 + length]
        return packet

    def frame(self, packet: bytes) -> bytes:
        return struct.pack("<I", len(packet)) + packet


class PaddedIntermediate(Intermediate):
    """Intermediate with random bytes after each packet."""

    def take(self, buffer: bytearray) -> bytes | None:
        packet = super().take(buffer)
        if packet is None or len(packet) < 24 or packet[:8] == bytes(8):
            return packet
        return packet[: 24 + (len(packet) - 24) // 16 * 16]

    def frame(self, packet: bytes) -> bytes:
        # The protocol allows 15 bytes; Telethon takes away 3 at most.
        return super().frame(packet + secrets.token_bytes(secrets.randbelow(4)))


def by_tag(tag: bytes) -> Framing:
    """The transport that an obfuscated header names at its end."""
    if tag == bytes((ABRIDGED_TAG,)) * 4:
        return Abridged()
    if tag == INTERMEDIATE_TAG:
        return Intermediate()
    if tag == PADDED_TAG:
        return PaddedIntermediate()
    raise MalformedPacketError(f"an obfuscated header names the unknown transport {tag.hex()}")


def recognise(buffer: bytearray) -> Framing | None:
    """The plain transport that starts ``buffer``, its tag removed. None when it is obfuscated or more bytes are needed.

    Callers with fewer than 8 bytes wait, except that abridged needs one byte only.
    """
    if buffer[:1] == bytes((ABRIDGED_TAG,)):
        del buffer[:1]
        return Abridged()
    tag = bytes(buffer[:4])
    if tag in (INTERMEDIATE_TAG, PADDED_TAG):
        del buffer[:4]
        return by_tag(tag)
    if len(buffer) >= 8 and buffer[4:8] == bytes(4):
        return Full()
    return None
