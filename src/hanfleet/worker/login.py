"""Logging a worker in that has no session: a bot token does it alone; a phone needs a person, who comes by commands.

Refuses a log-in as another account than before (the store does, where the session is kept).
"""

import asyncio

from pydantic import SecretStr

from hanfleet.core.errors import BotFailure, ConflictError, InvalidInputError, TemporaryError
from hanfleet.core.failures import FailureKind
from hanfleet.core.states import WorkerPhase
from hanfleet.kit.backoff import Backoff
from hanfleet.kit.logging import get_logger
from hanfleet.transports import PasswordNeededError, Transport
from hanfleet.worker.desk import Desk

_RETRIES = Backoff(first_s=0.5, longest_s=30.0, jitter=0.5)
_log = get_logger("login")


class Login:
    """The log-in of one worker; commands come in while `complete` waits."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._transport: Transport | None = None
        self._progress = asyncio.Event()

    async def complete(self, transport: Transport) -> None:
        """Return when ``transport`` is logged in. Raises BotFailure(config) for a token that is refused."""
        token = self._desk.config.telegram_bot_token
        if token is not None:
            await self._by_token(transport, token)
            return
        self._desk.enter(WorkerPhase.AWAITING_LOGIN)
        self._transport = transport
        try:
            while not transport.is_logged_in:
                self._progress.clear()
                await self._progress.wait()
        finally:
            self._transport = None

    async def request_code(self) -> None:
        """Have a code sent to the account's other devices. Raises ConflictError when nobody waits for a log-in."""
        transport = self._waiting()
        phone = self._desk.config.telegram_phone
        if phone is None:
            raise ConflictError("This bot logs in by its token; it needs no code.")
        await transport.request_code(phone)

    async def submit_code(self, code: SecretStr) -> bool:
        """Give the code; False: the account's two-step password is needed, too. Raises InvalidInputError."""
        transport = self._waiting()
        try:
            await transport.submit_code(code)
        except PasswordNeededError:
            return False
        self._progress.set()
        return True

    async def submit_password(self, password: SecretStr) -> None:
        """Give the two-step password. Raises InvalidInputError for a wrong one."""
        await self._waiting().submit_password(password)
        self._progress.set()

    def _waiting(self) -> Transport:
        if self._transport is None:
            raise ConflictError("This bot does not wait for a log-in: look at its status.")
        return self._transport

    async def _by_token(self, transport: Transport, token: SecretStr) -> None:
        failures = 0
        while True:
            try:
                await transport.log_in_with_token(token)
            except TemporaryError as busy:
                failures += 1
                pause = (
                    busy.retry_after if busy.retry_after is not None else _RETRIES.delay(failures, self._desk.chance)
                )
                _log.info("the log-in waits", reason=str(busy), pause_s=round(pause, 2))
                await self._desk.clock.sleep(pause)
            except (ConflictError, InvalidInputError) as refused:
                raise BotFailure(FailureKind.CONFIG, f"The bot token cannot be used: {refused}") from refused
            else:
                return
