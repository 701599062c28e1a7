"""One TCP connection of a client: bytes become packets here, and packets bytes. What packets mean is not known here.

Everything happens inside the loop's callback that brought the bytes, so the end of a connection is seen at once and
packets of one connection are handled strictly in order.
"""

import asyncio
import struct
from collections.abc import Callable
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Final, Protocol, cast

from hanfleet.kit.logging import get_logger
from hanfleet.sandbox.telegram.errors import MalformedPacketError
from hanfleet.sandbox.telegram.framing import Framing, by_tag, recognise
from hanfleet.sandbox.telegram.obfuscation import HEADER_LENGTH, Obfuscation

_TCP_INFO: Final = 11
_TCP_ESTABLISHED: Final = 1
_log = get_logger(__name__)


class PacketHandler(Protocol):
    """What stands behind all links."""

    def opened(self, link: "Link") -> None: ...
    def received(self, link: "Link", packet: bytes) -> None: ...
    def closed(self, link: "Link") -> None: ...


class Link(asyncio.Protocol):
    """Recognises the transport by its first bytes and keeps to it."""

    def __init__(self, handler: PacketHandler) -> None:
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._framing: Framing | None = None
        self._obfuscation: Obfuscation | None = None
        self._buffer = bytearray()
        self._deadline: asyncio.TimerHandle | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.get_extra_info("socket").setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self._handler.opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._buffer += self._obfuscation.reveal(data) if self._obfuscation else data
            if self._framing is None and not self._choose():
                return
            while self._framing and (packet := self._framing.take(self._buffer)) is not None:
                self._handler.received(self, packet)
                if self._transport is None:
                    return
        except MalformedPacketError as error:
            _log.warning("a connection is closed", reason=str(error))
            self.cut()

    def _choose(self) -> bool:
        self._framing = recognise(self._buffer)
        if self._framing is None and len(self._buffer) >= HEADER_LENGTH:
            self._obfuscation = Obfuscation(bytes(self._buffer[:HEADER_LENGTH]))
            self._framing = by_tag(self._obfuscation.tag)
            self._buffer = bytearray(self._obfuscation.reveal(bytes(self._buffer[HEADER_LENGTH:])))
        return self._framing is not None

    def eof_received(self) -> bool:
        self._end()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio gives it
        self._end()

    def _end(self) -> None:
        if self._transport is None:
            return
        self._transport = None
        for timer in (*self._timers, *([self._deadline] if self._deadline else [])):
            timer.cancel()
        self._handler.closed(self)

    def send_packet(self, packet: bytes) -> None:
        """Send one packet; silently nothing once the connection is closed."""
        if self._transport is not None and self._framing is not None:
            framed = self._framing.frame(packet)
            self._transport.write(self._obfuscation.hide(framed) if self._obfuscation else framed)

    def send_error(self, code: int) -> None:
        """A transport error such as 404 (unknown key), after which the connection is closed."""
        self.send_packet(struct.pack("<i", -code))
        if self._transport is not None:
            transport = self._transport
            self._end()
            transport.close()

    def cut(self) -> None:
        """Reset the connection; bytes that are still to be sent are lost."""
        if self._transport is not None:
            transport = self._transport
            self._end()
            transport.abort()

    def soon(self, act: Callable[[], None]) -> None:
        """Call ``act`` once the present packet is done with."""
        self._loop.call_soon(act)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Call ``act`` after some time, unless the connection ends first."""

        def run() -> None:
            self._timers.discard(timer)
            act()

        timer = self._loop.call_later(seconds, run)
        self._timers.add(timer)

    def disconnect_after(self, seconds: float) -> None:
        """Cut the connection unless this is called again in time (ping_delay_disconnect)."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, self.cut)

    def is_left_by_client(self) -> bool:
        """Whether the kernel already knows that the client closed, though its last bytes are not read yet."""
        if self._transport is None:
            return True
        sock = self._transport.get_extra_info("socket")
        try:
            state: int = sock.getsockopt(IPPROTO_TCP, _TCP_INFO, 1)[0]
        except OSError:
            return True
        return state != _TCP_ESTABLISHED
