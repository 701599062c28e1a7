"""The line to the chat network: whoever sends asks here for the transport of the moment, which comes and goes with
connections, log-ins and the lease. Nothing is sent past this door once the lease is no longer surely ours.
"""

from collections.abc import Callable

from hanfleet.core.errors import TemporaryError
from hanfleet.transports import Transport


class Line:
    """``may_send`` is asked each time: the lease's own judgement."""

    def __init__(self, may_send: Callable[[], bool]) -> None:
        self._may_send = may_send
        self._transport: Transport | None = None

    @property
    def transport(self) -> Transport:
        """The transport to use now. Raises TemporaryError while there is none."""
        if self._transport is None or not self._may_send():
            raise TemporaryError("The worker is away from Telegram; what waits goes out when it is back.")
        return self._transport

    @property
    def is_up(self) -> bool:
        """True while messages can go out."""
        return self._transport is not None and self._transport.is_connected and self._may_send()

    def open(self, transport: Transport) -> None:
        """Somebody is logged in: sending may begin."""
        self._transport = transport

    def close(self) -> None:
        """Nothing more goes out until `open`."""
        self._transport = None
