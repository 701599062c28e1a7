"""From packets to methods: keys, salts, sessions, containers, and each message exactly once.

https://core.telegram.org/mtproto/service_messages_about_messages tells the refusals. Methods are executed by
``requests``; what speaks about the protocol itself is answered by ``protocol_messages``.
"""

import struct
import time
from collections.abc import Callable
from typing import Any, Final

from hanfleet.kit.logging import get_logger
from hanfleet.sandbox.telegram import protocol_messages
from hanfleet.sandbox.telegram.cipher import Envelope, open_packet
from hanfleet.sandbox.telegram.containers import InnerMessage, unpack
from hanfleet.sandbox.telegram.errors import MalformedPacketError, UnknownConstructorError
from hanfleet.sandbox.telegram.handshake import Handshake
from hanfleet.sandbox.telegram.keys import AuthKey
from hanfleet.sandbox.telegram.link import Link
from hanfleet.sandbox.telegram.requests import Requests
from hanfleet.sandbox.telegram.server_key import ServerKey
from hanfleet.sandbox.telegram.service import Telegram
from hanfleet.sandbox.telegram.session import MessageIds, Session
from hanfleet.sandbox.telegram.tl import GZIP_PACKED, MSG_CONTAINER, constructor_of, parse, types, unzip

_log = get_logger(__name__)
_OLDEST: Final = 300
_NEWEST: Final = 30
_ORPHAN_SECONDS: Final = 120.0
_MOST_SESSIONS: Final = 16
_PLAIN: Final = bytes(8)


class Gateway:
    """The packet handler behind every link of one server."""

    def __init__(self, telegram: Telegram, server_key: ServerKey, *, refuse_second_connection: bool = False) -> None:
        self.links: set[Link] = set()
        self._telegram = telegram
        self._server_key = server_key
        self._requests = Requests(telegram)
        self._refuse_second = refuse_second_connection
        self._now: Callable[[], float] = telegram.now
        self._ids = MessageIds(telegram.now)
        self._began = int(telegram.now() * 2**32)
        self._handshakes: dict[Link, Handshake] = {}
        self._sessions: dict[Link, Session] = {}
        telegram.on_drop = self.drop

    def opened(self, link: Link) -> None:
        self.links.add(link)

    def closed(self, link: Link) -> None:
        self.links.discard(link)
        self._handshakes.pop(link, None)
        if session := self._sessions.pop(link, None):
            session.detach(link, time.monotonic())
            session.key.links.discard(link)

    def drop(self, keys: list[AuthKey] | None) -> int:
        """Cut the connections of these keys, or all; gives how many there were."""
        doomed = [link for link in self.links if keys is None or self._key_of(link) in keys]
        for link in doomed:
            link.cut()
        return len(doomed)

    def _key_of(self, link: Link) -> AuthKey | None:
        session = self._sessions.get(link)
        return session.key if session else None

    def received(self, link: Link, packet: bytes) -> None:
        if packet[:8] == _PLAIN:
            self._plain(link, packet)
            return
        if len(packet) < 24:
            raise MalformedPacketError("a packet is too short to be encrypted")
        key = self._telegram.keys.get(struct.unpack_from("<q", packet)[0])
        if key is None:
            link.send_error(404)
            return
        self._encrypted(link, key, open_packet(key.secret, packet))

    def _plain(self, link: Link, packet: bytes) -> None:
        length = int.from_bytes(packet[16:20], "little")
        handshake = self._handshakes.get(link)
        if handshake is None:
            handshake = Handshake(self._server_key, self._now, self._telegram.keys.add)
            self._handshakes[link] = handshake
        try:
            answer = handshake.answer(packet[20 : 20 + length])
        except UnknownConstructorError as error:
            raise MalformedPacketError(str(error)) from error
        if answer is not None:
            body = bytes(answer)
            link.send_packet(_PLAIN + struct.pack("<qi", self._ids.next(answer=True), len(body)) + body)

    def _encrypted(self, link: Link, key: AuthKey, envelope: Envelope) -> None:
        session = self._session(link, key, envelope)
        if self._refused(session, envelope):
            return
        self._note_connection(link, key)
        if constructor_of(envelope.body) == MSG_CONTAINER:
            if session.has_seen(envelope.msg_id):
                return
            inner = unpack(envelope)
            if inner is None:
                self._bad_message(session, envelope, 64)
                return
            session.remember(envelope.msg_id)
        else:
            inner = [InnerMessage(envelope.msg_id, envelope.seqno, envelope.body)]
        for message in inner:
            self._message(link, session, message)

    def _session(self, link: Link, key: AuthKey, envelope: Envelope) -> Session:
        """The session that the client names, made when it is new and bound to the connection that it came by."""
        session = key.sessions.get(envelope.session_id)
        if session is None:
            self._forget_orphans(key)
            session = key.sessions[envelope.session_id] = Session(key, envelope.session_id, self._ids)
        if session.wire is not link:
            previous = self._sessions.get(link)
            if previous is not None and previous is not session:
                previous.detach(link, time.monotonic())
            self._sessions[link] = session
            session.attach(link)
        return session

    def _forget_orphans(self, key: AuthKey) -> None:
        orphans = [session for session in key.sessions.values() if session.wire is None]
        orphans.sort(key=lambda session: session.left_at)
        limit = time.monotonic() - _ORPHAN_SECONDS
        for number, session in enumerate(orphans):
            if session.left_at < limit or number < len(orphans) - _MOST_SESSIONS:
                del key.sessions[session.id]

    def _refused(self, session: Session, envelope: Envelope) -> bool:
        """Check salt and time; answer what is wrong with bad_server_salt or bad_msg_notification."""
        sent_at = envelope.msg_id >> 32
        if envelope.msg_id & 3:
            self._bad_message(session, envelope, 18)
        elif sent_at < self._now() - _OLDEST or (not session.announced and envelope.msg_id < self._began):
            # A message from before this process began may have been executed already.
            self._bad_message(session, envelope, 16)
        elif sent_at > self._now() + _NEWEST:
            self._bad_message(session, envelope, 17)
        elif envelope.salt != session.key.salt:
            answer = types.BadServerSalt(envelope.msg_id, envelope.seqno, 48, session.key.salt)
            session.send(bytes(answer), content=False)
        else:
            if not session.announced:
                session.announced = True
                created = types.NewSessionCreated(envelope.msg_id, session.id, session.key.salt)
                session.send(bytes(created), is_answer=False)
            return False
        return True

    def _bad_message(self, session: Session, message: Envelope | InnerMessage, code: int) -> None:
        answer = types.BadMsgNotification(message.msg_id, message.seqno, code)
        session.send(bytes(answer), content=False)

    def _note_connection(self, link: Link, key: AuthKey) -> None:
        if key.account_id is not None and self._telegram.keys.count(key, link) > 1 and self._refuse_second:
            self._telegram.revoke_duplicated(key)

    def _message(self, link: Link, session: Session, message: InnerMessage) -> None:
        if session.has_seen(message.msg_id):
            session.resend_answer(message.msg_id)
            return
        body = message.body
        try:
            request: Any = parse(unzip(body) if constructor_of(body) == GZIP_PACKED else body)
        except UnknownConstructorError as error:
            session.remember(message.msg_id)
            self._requests.refuse_unknown(session, message.msg_id, error.constructor_id)
            return
        is_protocol = protocol_messages.concerns(request)
        odd = None if protocol_messages.has_free_seqno(request) else not is_protocol
        if code := session.refusal(message.msg_id, message.seqno, odd=odd):
            self._bad_message(session, message, code)
            return
        session.remember(message.msg_id)
        if is_protocol:
            protocol_messages.answer(link, session, message.msg_id, request, self._telegram)
        else:
            self._requests.execute(link, session, message.msg_id, request)
            self._note_connection(link, session.key)
