"""Telethon's client with its edges changed: requests that end, ghosts that do not walk, updates that wait for us.

It leans on private names of Telethon 1.45.0 (`_sender`, `_update_loop`, `_on_login`, …), which
tests/unit/transports/test_telethon_pin.py checks. It refuses to sleep through flood limits and to retry sends.
"""

# mypy: allow-untyped-calls

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from telethon import TelegramClient
from telethon._updates.session import SessionState
from telethon.network.mtprotosender import MTProtoSender
from telethon.tl import types

from hanfleet.core.errors import BotFailure, ConflictError, TemporaryError
from hanfleet.core.messages import UpdateState
from hanfleet.kit.tasks import end_task
from hanfleet.transports.telegram.failures import session_failure, translate
from hanfleet.transports.telegram.session import SnapshotSession

_RECONNECT_DELAY_S = 1
_CONNECT_ATTEMPT_S = 10
_LOGIN_RETRIES = 3
_FOR_EVER: Any = None  # Telethon's default of 5 gives up after about 35 s


class NoAnswerError(TemporaryError):
    """A request went out, or tried to, and nothing came back in time. Whether it was carried out is unknown."""


class FleetClient(TelegramClient):
    """One account's connection. `ask` is for requests after the log-in; calling the client itself for those before."""

    session: SnapshotSession  # type: ignore[assignment] # Telethon sets None after its own log-out, which we do not use
    _sender: MTProtoSender

    def __init__(self, session: SnapshotSession, api_id: int, api_hash: str, *, request_timeout_s: float) -> None:
        super().__init__(
            session,
            api_id,
            api_hash,
            use_ipv6=False,
            timeout=_CONNECT_ATTEMPT_S,
            request_retries=_LOGIN_RETRIES,  # for log-in requests alone: they may have to move to another data centre
            connection_retries=_FOR_EVER,
            retry_delay=_RECONNECT_DELAY_S,
            auto_reconnect=True,
            flood_sleep_threshold=0,  # deadlines are rows, not sleeps
            raise_last_call_error=True,
            receive_updates=True,
            catch_up=True,
        )
        self.request_timeout_s = request_timeout_s
        self.lost: BotFailure | None = None
        self.closing = False
        self.ready = False
        self.on_key: Callable[[], Awaitable[None]] = _nothing
        self.on_loss: Callable[[BotFailure], None] = _ignore
        self.update_loop: Callable[[], Awaitable[None]] = _nothing

    # What Telethon calls.

    async def _update_loop(self) -> None:
        await self.update_loop()

    async def _auth_key_callback(self, auth_key: Any) -> None:
        await super()._auth_key_callback(auth_key)
        await self.on_key()

    async def _handle_auto_reconnect(self) -> None:
        # Telethon fetches nothing here; and the request itself tells Telegram that we want updates again.
        await self.catch_up()

    async def _save_states_and_entities(self) -> None:
        # Every minute and on disconnect Telethon writes into the session. Ours is written with each batch instead.
        pass

    async def _on_login(self, user: types.User) -> types.User:
        self.session.meet([user])
        await super()._on_login(user)
        return user

    # What we call.

    @property
    def can_send(self) -> bool:
        """True while a request would go out now."""
        return bool(
            self.lost is None and not self.closing and self.is_connected() and self._sender._transport_connected()  # noqa: SLF001
        )

    @property
    def state(self) -> UpdateState | None:
        """Our position in the update log; None before the log-in."""
        if self._message_box.is_empty():
            return None
        position, _channels = self._message_box.session_state()
        return UpdateState(position["pts"], position["qts"], position["date"], position["seq"])

    def resume(self, state: UpdateState) -> None:
        """Stand where another session of this user stood: positions belong to the user, not to the key."""
        position = SessionState(0, 0, False, state.pts, state.qts, int(state.date.timestamp()), state.seq, None)
        self._message_box.load(position, [])

    def lose(self, failure: BotFailure) -> None:
        """The session cannot go on. The first failure stays, and is told once, unless we are leaving anyway."""
        if self.lost is None:
            self.lost = failure
            if self.ready and not self.closing:
                self.on_loss(failure)

    async def ask(self, request: Any) -> Any:
        """Send one request, once, and give its answer. Raises what `translate` makes of its error, at once.

        `self(request)` would retry server errors for 12 s (RANDOM_ID_DUPLICATE is one) and wait for ever.
        """
        if self.lost is not None:
            raise self.lost
        if not self.ready:
            raise ConflictError("This account is not logged in. Log in first.")
        try:
            answer = await self._exchange(request)
        except Exception as error:
            if failure := session_failure(error):
                self.lose(failure)
                raise self.lost or failure from error
            if (translated := translate(error)) is error:
                raise
            raise translated from error
        self.session.process_entities(answer)
        return answer

    async def _exchange(self, request: Any) -> Any:
        future: asyncio.Future[Any] = self._sender.send(request)
        try:
            await asyncio.wait({future}, timeout=self.request_timeout_s)
        finally:
            given_up = future.cancel()
            if given_up:
                self.take_back()
        if given_up:
            raise NoAnswerError(f"Telegram did not answer within {self.request_timeout_s:g} s.")
        if future.cancelled():  # Telethon cancels what is pending when the connection is closed for good
            raise TemporaryError("The connection to Telegram was closed.")
        return future.result()

    def take_back(self) -> None:
        """Make Telethon forget the requests that were cancelled: it would send them at the next reconnect."""
        pending = self._sender._pending_state  # noqa: SLF001
        for msg_id in [key for key, state in pending.items() if state.future.cancelled()]:
            del pending[msg_id]
        queue = self._sender._send_queue._deque  # noqa: SLF001
        kept = [state for state in queue if not state.future.cancelled()]
        queue.clear()
        queue.extend(kept)

    def reconnect(self) -> None:
        """Drop a connection that looks alive and does not answer, and make another, unless that is under way."""
        under_way = self._sender._reconnect_task  # noqa: SLF001
        if under_way is None or under_way.done():  # two at once would each open one, and forget the first
            self._sender._start_reconnect(None)  # noqa: SLF001

    async def close_connection(self) -> None:
        """Hang up without stopping the update loop, which may be storing. What waits to be sent fails."""
        connection = self._sender._connection  # noqa: SLF001
        try:
            await end_task(self._sender._reconnect_task)  # noqa: SLF001 - Telethon would wait for as long as it takes
            await self._sender.disconnect()
        finally:
            if connection is not None and connection._writer is not None:  # noqa: SLF001
                connection._writer.transport.abort()  # noqa: SLF001 - open still where Telethon was cut short
        for waiting in self._sender._send_queue._deque:  # noqa: SLF001 - Telethon cancels only what has left
            waiting.future.cancel()
        self.take_back()


async def _nothing() -> None:
    """Until the transport has said who listens."""


def _ignore(_failure: BotFailure) -> None:
    """Until the transport has said who listens."""
