"""MTProto sessions: numbering, acknowledgements, replay protection, and answers held until they are acknowledged.

A session belongs to one authorisation key and outlives its TCP connection: a client that comes back with the same
session id gets again what it has not acknowledged. Sessions live in memory; a restart begins new ones, and says so.
"""

import struct
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from hanfleet.sandbox.telegram.cipher import Envelope, seal_packet
from hanfleet.sandbox.telegram.tl import MSG_CONTAINER

if TYPE_CHECKING:
    from hanfleet.sandbox.telegram.keys import AuthKey

_MOST_SEEN: Final = 4000
_MOST_HELD: Final = 2000
_MOST_IN_CONTAINER: Final = 100
_LONGEST_CONTAINER: Final = 900_000


class Wire(Protocol):
    """The TCP connection below a session."""

    def send_packet(self, packet: bytes) -> None: ...
    def cut(self) -> None: ...
    def soon(self, act: Callable[[], None]) -> None: ...


class MessageIds:
    """Message ids of the server: Unix time times 2^32, strictly rising, 1 modulo 4 for answers and 3 for the rest."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last = 0

    def next(self, *, answer: bool) -> int:
        self._last = max(int(self._now() * 2**32) & ~3, self._last + 4)
        return self._last | (1 if answer else 3)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A numbered message to the client; ``answers`` is the id of the request that it answers."""

    msg_id: int
    seqno: int
    body: bytes
    answers: int | None = None


class Session:
    """One session of one key."""

    def __init__(self, key: "AuthKey", session_id: int, ids: MessageIds) -> None:
        self.key = key
        self.id = session_id
        self.wire: Wire | None = None
        self.left_at = 0.0
        self.wants_pushes = False
        self.announced = False
        self._ids = ids
        self._content_sent = 0
        self._held: OrderedDict[int, Outgoing] = OrderedDict()
        self._waiting: list[Outgoing] = []
        self._seen: set[int] = set()
        self._seen_order: deque[int] = deque()
        self._forgotten_up_to = 0
        self._newest = (0, 0)

    def attach(self, wire: Wire) -> None:
        """Continue on another connection; what is not acknowledged goes out again, each message by itself."""
        self.wire = wire
        self._waiting.clear()
        for outgoing in self._held.values():
            self._transmit(outgoing.msg_id, outgoing.seqno, outgoing.body)

    def detach(self, wire: Wire, at: float) -> None:
        """The connection is gone; messages wait for the next one."""
        if self.wire is wire:
            self.wire = None
            self.left_at = at

    def refusal(self, msg_id: int, seqno: int, *, odd: bool | None) -> int | None:
        """The code of bad_msg_notification for a message's numbers, or None.

        ``odd`` says what the seqno has to be; None leaves it free.
        """
        if msg_id <= self._forgotten_up_to:
            return 20
        if odd is not None and odd != bool(seqno & 1):
            return 35 if odd else 34
        newest_id, newest_seqno = self._newest
        if odd and msg_id > newest_id and seqno < newest_seqno:
            return 32
        if odd:
            self._newest = max(self._newest, (msg_id, seqno))
        return None

    def has_seen(self, msg_id: int) -> bool:
        return msg_id in self._seen

    def remember(self, msg_id: int) -> None:
        """Never let this message be executed again."""
        self._seen.add(msg_id)
        self._seen_order.append(msg_id)
        if len(self._seen_order) > _MOST_SEEN:
            oldest = self._seen_order.popleft()
            self._seen.discard(oldest)
            self._forgotten_up_to = max(self._forgotten_up_to, oldest)

    def acknowledge(self, msg_ids: list[int]) -> None:
        for msg_id in msg_ids:
            self._held.pop(msg_id, None)

    def send(self, body: bytes, *, answers: int | None = None, content: bool = True, is_answer: bool = True) -> None:
        """Number a message and send it with whatever else leaves in this turn of the loop.

        Content messages are held until acknowledged, also while there is no connection.
        """
        seqno = self._content_sent * 2 + (1 if content else 0)
        self._content_sent += 1 if content else 0
        outgoing = Outgoing(self._ids.next(answer=is_answer), seqno, body, answers)
        if content:
            self._held[outgoing.msg_id] = outgoing
            if len(self._held) > _MOST_HELD:
                self._held.popitem(last=False)
        if self.wire is None:
            return
        self._waiting.append(outgoing)
        if len(self._waiting) == 1:
            self.wire.soon(self.flush)

    def resend_answer(self, msg_id: int) -> None:
        """Repeat the answer to a request that came twice, if it is still held."""
        for outgoing in self._held.values():
            if msg_id in (outgoing.answers, outgoing.msg_id):
                self._transmit(outgoing.msg_id, outgoing.seqno, outgoing.body)
                return

    def flush(self) -> None:
        """Write out what waits: one message bare, several in containers."""
        waiting, self._waiting = self._waiting, []
        batch: list[Outgoing] = []
        size = 0
        for outgoing in waiting:
            if batch and (len(batch) == _MOST_IN_CONTAINER or size + len(outgoing.body) > _LONGEST_CONTAINER):
                self._transmit_batch(batch)
                batch, size = [], 0
            batch.append(outgoing)
            size += len(outgoing.body) + 16
        if batch:
            self._transmit_batch(batch)

    def _transmit_batch(self, batch: list[Outgoing]) -> None:
        if len(batch) == 1:
            self._transmit(batch[0].msg_id, batch[0].seqno, batch[0].body)
            return
        inner = (struct.pack("<qii", one.msg_id, one.seqno, len(one.body)) + one.body for one in batch)
        body = struct.pack("<Ii", MSG_CONTAINER, len(batch)) + b"".join(inner)
        self._transmit(self._ids.next(answer=True), self._content_sent * 2, body)

    def _transmit(self, msg_id: int, seqno: int, body: bytes) -> None:
        if self.wire is not None:
            envelope = Envelope(self.key.salt, self.id, msg_id, seqno, body)
            self.wire.send_packet(seal_packet(self.key.secret, self.key.id, envelope))
