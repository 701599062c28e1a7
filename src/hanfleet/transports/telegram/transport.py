"""The Telegram transport: composes client, session, log-in and update log into the port that the worker sees."""

# mypy: untyped-calls-exclude=telethon

import asyncio
import contextlib
from typing import Any

from pydantic import SecretStr
from telethon import errors
from telethon.crypto import rsa
from telethon.tl import functions, types

from hanfleet.core.errors import BotFailure, HanfleetError, PermanentError, TemporaryError
from hanfleet.core.failures import FailureKind
from hanfleet.core.messages import InboundMessage, SentMessage
from hanfleet.kit.clock import Clock
from hanfleet.transports import TransportCallbacks, TransportSettings
from hanfleet.transports.telegram import history
from hanfleet.transports.telegram.client import FleetClient, NoAnswerError
from hanfleet.transports.telegram.conversion import sent_id
from hanfleet.transports.telegram.failures import classify, session_failure, translate
from hanfleet.transports.telegram.login import Login
from hanfleet.transports.telegram.session import SnapshotSession
from hanfleet.transports.telegram.update_log import UpdateLog


class TelegramTransport:
    """See `hanfleet.transports.Transport`. Made without touching the network; one loop, no thread, no file."""

    def __init__(self, settings: TransportSettings, callbacks: TransportCallbacks, *, clock: Clock) -> None:
        self._settings = settings
        self._callbacks = callbacks
        self._clock = clock
        if settings.server is not None:
            rsa.add_key(settings.server.public_key_pem, old=False)
        self._session = SnapshotSession(settings.snapshot, settings.server)
        self._client = FleetClient(
            self._session,
            settings.api_id,
            settings.api_hash.get_secret_value(),
            request_timeout_s=settings.request_timeout_s,
        )
        self._client.on_key = self._report_key
        self._client.on_loss = callbacks.on_lost
        self._updates = UpdateLog(self._client, callbacks.on_batch, clock=clock)
        self._client.update_loop = self._updates.run
        self._login = Login(self._client, settings.api_id, settings.api_hash)
        self._watch: asyncio.Task[None] | None = None
        snapshot = settings.snapshot
        self._user_id = snapshot.telegram_user_id if snapshot else None
        self._is_bot = bool(snapshot and snapshot.is_bot)
        if self._user_id is not None:
            self._client._mb_entity_cache.set_self_user(self._user_id, self._is_bot, None)  # noqa: SLF001

    @property
    def is_connected(self) -> bool:
        return self._client.can_send

    @property
    def is_logged_in(self) -> bool:
        return self._client.ready

    @property
    def user_id(self) -> int | None:
        return self._user_id if self._client.ready else None

    @property
    def is_bot(self) -> bool:
        return self._is_bot

    async def connect(self) -> None:
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                await self._client.connect()
                user = await self._who_are_we()
        except BaseException as error:
            await self._client.close_connection()
            await self._client.disconnect()
            if not isinstance(error, Exception):
                raise
            raise _connect_error(error, self._settings.connect_timeout_s) from error
        if user is None:
            return
        if self._settings.snapshot is None or self._settings.snapshot.state is None:
            await self._tell(user)  # logged in, but killed before that was stored
        self._begin(user)

    async def _who_are_we(self) -> Any:
        """Our own user; None where nobody has logged in. Raises what Telegram says where somebody had."""
        if self._client.state is None:
            return None  # Telethon has asked already, and would know our position
        stored = self._settings.snapshot
        try:
            (user,) = await self._client(functions.users.GetUsersRequest([types.InputUserSelf()]))
        except errors.UnauthorizedError:
            if stored is not None and stored.auth_key and stored.telegram_user_id is not None:
                raise
            return None
        return user

    def _begin(self, user: types.User) -> None:
        """Logged in and our position known: from here on updates are taken and losses are told."""
        self._user_id, self._is_bot = user.id, bool(user.bot)
        self._client.ready = True
        self._watch = asyncio.create_task(self._watch_connection(), name="telegram-connection")
        self._updates.start()

    async def _watch_connection(self) -> None:
        """A connection that Telethon gives up (a forgotten key) ends in this future, and nowhere else."""
        try:
            await self._client.disconnected
        except Exception as error:  # noqa: BLE001 - whatever ended it, the session is lost
            self._client.lose(classify(error))
        else:
            self._client.lose(BotFailure(FailureKind.TRANSIENT, "The connection to Telegram was closed."))

    async def disconnect(self) -> None:
        self._client.closing = True
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        await self._client.close_connection()
        await self._updates.leave()
        await self._client.disconnect()

    async def log_in_with_token(self, token: SecretStr) -> None:
        if not self.is_logged_in:
            await self._complete(await self._login.with_token(token))

    async def request_code(self, phone: str) -> None:
        await self._login.request_code(phone)

    async def submit_code(self, code: SecretStr) -> None:
        if not self.is_logged_in:
            await self._complete(await self._login.with_code(code))

    async def submit_password(self, password: SecretStr) -> None:
        if not self.is_logged_in:
            await self._complete(await self._login.with_password(password))

    async def _complete(self, user: types.User) -> None:
        """Find out where the update log stands, have it stored, and start."""
        try:
            async with asyncio.timeout(self._settings.request_timeout_s):
                await self._client._on_login(user)  # noqa: SLF001
        except Exception as error:
            raise _connect_error(error, self._settings.request_timeout_s) from error
        stored = self._settings.snapshot
        if stored is not None and stored.state is not None and stored.telegram_user_id == user.id:
            self._client.resume(stored.state)
        await self._tell(user)
        self._begin(user)

    async def _tell(self, user: types.User) -> None:
        """Have the log-in stored. A listener that raises refuses it: the session ends at Telegram, too."""
        snapshot = self._session.snapshot(user.id, is_bot=bool(user.bot), state=self._client.state)
        try:
            await self._callbacks.on_session(snapshot)
        except Exception:
            self._client.ready = self._client.closing = True  # able to ask once more, and silent about the loss
            await self.log_out()
            raise
        self._session.take_unreported()

    async def _report_key(self) -> None:
        await self._callbacks.on_session(self._session.snapshot(None, is_bot=False, state=None))

    async def log_out(self) -> None:
        with contextlib.suppress(TemporaryError, PermanentError, BotFailure):
            await self._client.ask(functions.auth.LogOutRequest())
        await self.disconnect()

    async def catch_up(self) -> None:
        await self._client.catch_up()

    async def ping(self) -> float:
        started = self._clock.monotonic()
        try:
            state = await self._client.ask(functions.updates.GetStateRequest())
        except NoAnswerError:
            self._client.reconnect()
            raise
        if self._updates.is_behind(state.pts):
            await self._client.catch_up()
        return self._clock.monotonic() - started

    async def send_text(self, chat_id: int, text: str, random_id: int) -> SentMessage:
        peer = await self._peer(chat_id)
        request = functions.messages.SendMessageRequest(peer, text, random_id=random_id)
        try:
            answer = await self._client.ask(request)
        except TemporaryError as error:
            if isinstance(error.__cause__, errors.RandomIdDuplicateError):
                return SentMessage(None, duplicate=True)
            raise
        return SentMessage(sent_id(answer, random_id))

    async def set_typing(self, chat_id: int) -> None:
        peer = await self._peer(chat_id)
        await self._client.ask(functions.messages.SetTypingRequest(peer, types.SendMessageTypingAction()))

    async def mark_read(self, chat_id: int, max_id: int) -> None:
        if not self._is_bot:
            peer = await self._peer(chat_id)
            await self._client.ask(functions.messages.ReadHistoryRequest(peer, max_id))

    async def history(self, chat_id: int, limit: int) -> list[InboundMessage]:
        if self._is_bot:
            raise PermanentError("Telegram does not let bot accounts read history.")
        return await history.history(self._client, await self._peer(chat_id), limit)

    async def _peer(self, chat_id: int) -> Any:
        """How to address a contact. A bot needs no hash for whoever has written to it; a user account always does."""
        if peer := self._session.input_peer(chat_id):
            return peer
        if self._is_bot:
            return types.InputPeerUser(chat_id, 0)
        await history.meet_dialogs(self._client)
        if peer := self._session.input_peer(chat_id):
            return peer
        raise PermanentError(
            f"This account has never met {chat_id} and cannot write to them: they have to write first."
        )


def _connect_error(error: Exception, timeout_s: float) -> Exception:
    if isinstance(error, HanfleetError):
        return error
    if isinstance(error, TimeoutError):
        return TemporaryError(f"Telegram could not be reached within {timeout_s:g} s.")
    return session_failure(error) or translate(error)
