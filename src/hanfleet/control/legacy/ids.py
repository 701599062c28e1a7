"""Ids of imported messages: the same for the same record at every run, so that a second run finds the first.

Messages are ordered by id. Those of living ones begin with their time (RFC 9562, version 7); imported ones are of
version 8 with 48 zero bits in that place, then their number in the chat: in their order, and before all that came
later.
"""

from hashlib import blake2b
from uuid import UUID

from hanfleet.control.legacy.records import LegacyMessage

_VERSION_8 = 8 << 76
_VARIANT = 2 << 62
_CONTENT = (1 << 48) - 1


def message_id(scope: bytes, index: int, message: LegacyMessage) -> UUID:
    """``scope`` names bot and chat; ``index`` is the message's place in the talk."""
    parts = b"%b\0%b\0%b" % (
        message.stamp.encode("utf-8", "replace"),
        message.direction.encode(),
        message.text.encode(),
    )
    digest = blake2b(parts, digest_size=6, key=scope).digest()
    return _numbered(index, int.from_bytes(digest, "big"))


def moved(message_id: UUID, index: int) -> UUID:
    """The id of the same message in another place of the talk."""
    return _numbered(index, message_id.int & _CONTENT)


def place_of(message_id: UUID) -> int:
    """The message's place in the talk."""
    return (message_id.int >> 64 & 0xFFF) << 14 | (message_id.int >> 48 & 0x3FFF)


def scope(bot_id: str, chat_id: int) -> bytes:
    """The key under which one chat's messages are told apart from another's."""
    return blake2b(f"{bot_id}/{chat_id}".encode(), digest_size=32).digest()


def _numbered(index: int, content: int) -> UUID:
    return UUID(int=_VERSION_8 | _VARIANT | ((index >> 14) << 64) | ((index & 0x3FFF) << 48) | content)
