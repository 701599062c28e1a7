"""A contact's own line to Telegram: one Telethon client that survives cut lines, restarted servers and lost log-ins.

It knows requests, not conversations. Nothing here waits for ever: whatever got no answer in time is reported as
uncertain, and the caller decides what may be repeated.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from telethon import TelegramClient, errors
from telethon.crypto import rsa
from telethon.errors.common import AuthKeyNotFound
from telethon.events.newmessage import NewMessage
from telethon.sessions.memory import MemorySession
from telethon.tl.functions.contacts import ResolvePhoneRequest, ResolveUsernameRequest

from hanfleet.kit.clock import Clock
from hanfleet.kit.tasks import end_task

# Telethon logs every failed attempt to connect; a contact is expected to meet many, and the terminal belongs to others.
_LOG = logging.getLogger("hanfleet.sandbox.contacts.telethon")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False

# Telethon carries no types; these names stand where strict checking would ask for them.
_add_key: Any = rsa.add_key
_new_message: Any = NewMessage
_new_session: Any = MemorySession

ANSWER_WITHIN_S = 4.0
"""A request without an answer after this long counts as uncertain."""

_RECONNECT_EVERY_S = 0.2
_LOGIN_WITHIN_S = 10.0
_LOGGED_OUT = (errors.UnauthorizedError, errors.AuthKeyError, AuthKeyNotFound)


class LineBrokenError(Exception):
    """The request may or may not have been carried out; repeat it only if repeating is harmless."""


@dataclass(frozen=True)
class Address:
    """Where the offline Telegram listens and how it proves itself."""

    host: str
    port: int
    dc_id: int
    public_key_pem: str


class CodeDesk(Protocol):
    """Whoever can read the log-in code that Telegram sent to a phone."""

    async def login_code(self, phone: str) -> str:
        """The newest code. Raises OSError when the desk is closed."""
        ...


class TidyClient(TelegramClient):
    """Told to disconnect, it does so at once and leaves no socket, whatever its own reconnecting was about."""

    async def _disconnect(self) -> None:
        sender = self._sender
        connection = sender._connection  # noqa: SLF001
        try:
            await end_task(sender._reconnect_task)  # noqa: SLF001 - Telethon would wait for as long as it takes
            await super()._disconnect()
        finally:
            if connection is not None and connection._writer is not None:  # noqa: SLF001
                connection._writer.transport.abort()  # noqa: SLF001 - open still where Telethon was cut short


class _Client(TidyClient):
    """Fetches after a reconnect what was missed; Telethon alone would wait for the next update."""

    async def _handle_auto_reconnect(self) -> None:
        await super()._handle_auto_reconnect()
        if self._authorized:
            await self.catch_up()


_new_client: Any = _Client


class Line:
    """One account's connection. ``on_message`` gets each incoming Telethon message, in order of arrival."""

    def __init__(
        self, address: Address, phone: str, desk: CodeDesk, clock: Clock, on_message: Callable[[Any], None]
    ) -> None:
        self._address = address
        self._phone = phone
        self._desk = desk
        self._clock = clock
        self._on_message = on_message
        self._client: Any = None
        self._opening = asyncio.Lock()
        _add_key(address.public_key_pem, old=False)

    async def open(self) -> None:
        """Connect and log in; keeps trying while the server is away. Does nothing on a line that stands."""
        async with self._opening:
            while not self._stands():
                await self._drop()
                try:
                    async with asyncio.timeout(_LOGIN_WITHIN_S):
                        self._client = await self._log_in()
                except (OSError, TimeoutError, errors.RPCError, AuthKeyNotFound, ValueError) as failed:
                    # ValueError is what Telethon raises when its own retries are used up.
                    _LOG.info("the log-in of a contact failed and is repeated: %r", failed)
                    await self._clock.sleep(_RECONNECT_EVERY_S)

    async def close(self) -> None:
        """Hang up; the account stays."""
        async with self._opening:
            await self._drop()

    async def ask(self, request: Any, within: float = ANSWER_WITHIN_S) -> Any:
        """Carry one request out. Raises Telethon's RPCError on refusal and LineBrokenError when nobody can tell."""
        await self.open()
        client = self._client
        try:
            # The high-level call would retry behind our back, so the sender is asked directly.
            future = client._sender.send(request)  # noqa: SLF001
        except (AttributeError, ConnectionError) as lost:
            raise LineBrokenError("the line was dropped meanwhile") from lost
        await asyncio.wait({future}, timeout=within)
        if not future.done():
            _forget(client, future)
            raise LineBrokenError(f"no answer within {within:g} s")
        if future.cancelled():
            raise LineBrokenError("the line was cut")
        failure = future.exception()
        if failure is None:
            return future.result()
        if isinstance(failure, errors.RPCError) and not isinstance(failure, _LOGGED_OUT) and not _passing(failure):
            raise failure
        if isinstance(failure, _LOGGED_OUT):
            await self._drop_if(client)
        raise LineBrokenError("the server failed or forgot the log-in") from failure

    async def resolve(self, handle: str) -> Any:
        """The Telethon user behind a username or a phone number with a plus. Raises RPCError when there is none."""
        by_phone = handle.startswith("+")
        request = ResolvePhoneRequest(handle) if by_phone else ResolveUsernameRequest(handle.removeprefix("@"))
        while True:
            try:
                found = await self.ask(request)
            except LineBrokenError:
                await self._clock.sleep(_RECONNECT_EVERY_S)
                continue
            return next(user for user in found.users if user.id == found.peer.user_id)

    def _stands(self) -> bool:
        return self._client is not None and self._client.is_connected()

    async def _drop_if(self, client: Any) -> None:
        async with self._opening:
            if self._client is client:
                await self._drop()

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await _hang_up(client)

    async def _log_in(self) -> Any:
        session = _new_session()
        session.set_dc(self._address.dc_id, self._address.host, self._address.port)
        client = _new_client(
            session,
            api_id=1,
            api_hash="simulated contact",
            connection_retries=None,
            retry_delay=_RECONNECT_EVERY_S,
            request_retries=1,
            raise_last_call_error=True,
            sequential_updates=True,
            base_logger=_LOG,
        )
        client.add_event_handler(self._take, _new_message(incoming=True))
        try:
            await client.connect()
            sent = await client.send_code_request(self._phone)
            code = await self._desk.login_code(self._phone)
            await client.sign_in(self._phone, code, phone_code_hash=sent.phone_code_hash)
        except BaseException:
            # Also on cancellation: a half-opened client would keep its tasks running.
            await _hang_up(client)
            raise
        return client

    async def _take(self, event: Any) -> None:
        self._on_message(event.message)


def _passing(failure: Exception) -> bool:
    """A server that stumbled; a repeated random id comes in the same family, but is an answer."""
    if isinstance(failure, errors.RandomIdDuplicateError):
        return False
    return isinstance(failure, errors.ServerError | errors.TimedOutError)


async def _hang_up(client: Any) -> None:
    with suppress(OSError):
        await client.disconnect()


def _forget(client: Any, future: asyncio.Future[Any]) -> None:
    """Take a request that nobody waits for any more out of Telethon, which would send it after the next reconnect."""
    future.cancel()
    sender = client._sender  # noqa: SLF001
    pending = sender._pending_state  # noqa: SLF001
    for message_id in [number for number, state in pending.items() if state.future is future]:
        del pending[message_id]
    queue = sender._send_queue._deque  # noqa: SLF001
    for state in [state for state in queue if state.future is future]:
        queue.remove(state)
