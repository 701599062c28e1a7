"""Containers of several messages: https://core.telegram.org/mtproto/service_messages#simple-container.

They are cut by hand, so that one message of an unknown layer does not spoil its neighbours.
"""

import struct
from dataclasses import dataclass
from typing import Final

from hanfleet.sandbox.telegram.cipher import Envelope
from hanfleet.sandbox.telegram.tl import MSG_CONTAINER, constructor_of

_MOST_INNER: Final = 1020


@dataclass(frozen=True, slots=True)
class InnerMessage:
    """One message, from a container or alone in its packet."""

    msg_id: int
    seqno: int
    body: bytes


def unpack(envelope: Envelope) -> list[InnerMessage] | None:
    """The messages of a container; None when it is invalid."""
    body = envelope.body
    count = int.from_bytes(body[4:8], "little")
    if count > _MOST_INNER:
        return None
    inner: list[InnerMessage] = []
    position = 8
    for _ in range(count):
        if len(body) < position + 16:
            return None
        msg_id, seqno, length = struct.unpack_from("<qii", body, position)
        position += 16
        part = body[position : position + length]
        if length < 4 or len(part) < length or constructor_of(part) == MSG_CONTAINER or msg_id >= envelope.msg_id:
            return None
        inner.append(InnerMessage(msg_id, seqno, part))
        position += length
    return inner
