"""Logging in: phone, code and password for a user account, a token for a bot. What is refused comes back as a sentence.

The hash that belongs to a code lives in memory only: a code that was asked for before a restart is asked for again.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from pydantic import SecretStr
from telethon import errors
from telethon.password import compute_check
from telethon.tl import functions, types

from hanfleet.core.errors import ConflictError, InvalidInputError, TemporaryError
from hanfleet.transports import PasswordNeededError
from hanfleet.transports.telegram.client import FleetClient, NoAnswerError
from hanfleet.transports.telegram.failures import rpc_name, session_failure, translate

_BAD_PHONE = (
    errors.PhoneNumberInvalidError,
    errors.PhoneNumberUnoccupiedError,
    errors.PhoneNumberAppSignupForbiddenError,
)
_BAD_CODE = (errors.PhoneCodeInvalidError, errors.PhoneCodeEmptyError)
_OLD_CODE = (errors.PhoneCodeExpiredError, errors.PhoneCodeHashEmptyError)
_TOO_MANY = (errors.PhoneNumberFloodError, errors.PhonePasswordFloodError)
_NO_ACCOUNT = "Telegram knows no account with this phone number. Sign up in Telegram's own app first."


class Login:
    """One log-in, step by step, on a connected client."""

    def __init__(self, client: FleetClient, api_id: int, api_hash: SecretStr) -> None:
        self._client = client
        self._api_id = api_id
        self._api_hash = api_hash
        self._asked: tuple[str, str] | None = None

    async def with_token(self, token: SecretStr) -> types.User:
        """Raises BotFailure(config) for a token that Telegram refuses."""
        return await self._authorised(
            lambda: functions.auth.ImportBotAuthorizationRequest(
                flags=0,
                api_id=self._api_id,
                api_hash=self._api_hash.get_secret_value(),
                bot_auth_token=token.get_secret_value(),
            )
        )

    async def request_code(self, phone: str) -> None:
        """Raises InvalidInputError for a phone that Telegram refuses."""
        digits = phone.lstrip("+")
        request = functions.auth.SendCodeRequest(
            digits, self._api_id, self._api_hash.get_secret_value(), types.CodeSettings()
        )
        try:
            answer = await self._call(lambda: request)
        except errors.AuthRestartError:  # Telegram asks to begin again, once
            answer = await self._call(lambda: request)
        except _BAD_PHONE as refused:
            raise InvalidInputError(
                f"Telegram refuses the phone number ({rpc_name(refused)}): set the right one with hanfleet bots "
                "configure, restart the bot, then log in again."
            ) from refused
        self._asked = (digits, answer.phone_code_hash)

    async def with_code(self, code: SecretStr) -> types.User:
        """Raises PasswordNeededError, InvalidInputError, ConflictError."""
        if self._asked is None:
            raise ConflictError("No log-in code was asked for since the worker started. Ask for one first.")
        phone, code_hash = self._asked
        try:
            return await self._authorised(
                lambda: functions.auth.SignInRequest(phone, code_hash, code.get_secret_value().strip())
            )
        except errors.SessionPasswordNeededError as needed:
            raise PasswordNeededError("This account has two-step verification: send its password.") from needed
        except _BAD_CODE as refused:
            raise InvalidInputError("Telegram refuses this code. Look at it again and send it once more.") from refused
        except _OLD_CODE as expired:
            self._asked = None
            raise ConflictError("This code has expired: log in again, and a new one is sent.") from expired
        except _BAD_PHONE as refused:
            raise ConflictError(_NO_ACCOUNT) from refused

    async def with_password(self, password: SecretStr) -> types.User:
        """Raises InvalidInputError for a wrong password."""
        challenge = await self._call(functions.account.GetPasswordRequest)
        try:
            answer = compute_check(challenge, password.get_secret_value())  # holds the loop for about 0.1 s, once
            return await self._authorised(lambda: functions.auth.CheckPasswordRequest(answer))
        except errors.PasswordHashInvalidError as refused:
            raise InvalidInputError("Telegram refuses this password. Try again.") from refused

    async def _authorised(self, request: Callable[[], Any]) -> types.User:
        answer = await self._call(request)
        if isinstance(answer, types.auth.AuthorizationSignUpRequired):
            raise ConflictError(_NO_ACCOUNT)
        user: types.User = answer.user
        return user

    async def _call(self, request: Callable[[], Any]) -> Any:
        """Through Telethon's own call, which follows a move to another data centre; bounded in time by us."""
        try:
            async with asyncio.timeout(self._client.request_timeout_s):
                return await self._client(request())
        except TimeoutError as late:
            self._client.take_back()
            raise NoAnswerError("Telegram did not answer the log-in in time. Try again.") from late
        except _LEFT_TO_CALLERS:
            raise
        except _TOO_MANY as refused:
            raise TemporaryError(
                f"Too many log-ins were tried with this phone number ({rpc_name(refused)}): wait a day, then log "
                "in again."
            ) from refused
        except Exception as error:
            if failure := session_failure(error):
                raise failure from error
            if (translated := translate(error)) is error:
                raise
            raise translated from error


_LEFT_TO_CALLERS = (
    *_BAD_PHONE,
    *_BAD_CODE,
    *_OLD_CODE,
    errors.AuthRestartError,
    errors.PasswordHashInvalidError,
    errors.SessionPasswordNeededError,
)
