"""Logging a bot in: each step is a command to its worker, which alone speaks to Telegram. Codes and passwords travel
sealed and are kept nowhere.
"""

from collections.abc import Awaitable, Callable

from pydantic import SecretStr

from hanfleet.bus import IPCManager, Seal
from hanfleet.control.views import LoginStep
from hanfleet.core.commands import Command, RequestLoginCode, SubmitLoginCode, SubmitLoginPassword
from hanfleet.core.errors import ConflictError, InvalidInputError
from hanfleet.core.states import BotState
from hanfleet.store.records import BotRow

_PATIENCE_S = 45.0  # Telegram may take its time over a code


class Logins:
    """The log-in of one bot at a time. ``look`` gives a bot's row and its seal; it raises NotFoundError."""

    def __init__(self, ipc: IPCManager, look: Callable[[str], Awaitable[tuple[BotRow, Seal]]]) -> None:
        self._ipc = ipc
        self._look = look

    async def request_code(self, bot_id: str) -> LoginStep:
        """Have Telegram send a code. Raises ConflictError when the bot does not wait for one."""
        return await self._step(bot_id, RequestLoginCode())

    async def submit_code(self, bot_id: str, code: SecretStr) -> LoginStep:
        """Raises InvalidInputError for a mistyped code, ConflictError when no code helps."""
        return await self._step(bot_id, SubmitLoginCode(code=code))

    async def submit_password(self, bot_id: str, password: SecretStr) -> LoginStep:
        """Raises InvalidInputError for a mistyped password, ConflictError when none helps."""
        return await self._step(bot_id, SubmitLoginPassword(password=password))

    async def _step(self, bot_id: str, command: Command) -> LoginStep:
        row, seal = await self._look(bot_id)
        if "telegram_phone" not in row.config or row.config["telegram_phone"] is None:
            raise ConflictError(f"Bot {bot_id} logs in with its bot token by itself: there is no code to ask for.")
        if row.status not in (BotState.STARTING, BotState.RUNNING):
            raise ConflictError(
                f"Bot {bot_id} is {row.status}, and only its worker can log in: start it first, then log in."
            )
        response = await self._ipc.send_command(bot_id, command, timeout_s=_PATIENCE_S, seal=seal)
        asked_only = isinstance(command, RequestLoginCode)
        if not response.ok:
            may_mend = not asked_only and response.data.get("again", True)
            refusal = InvalidInputError if may_mend else ConflictError
            raise refusal(response.error or "The worker refused without a reason: look at its log.")
        password_needed = bool(response.data.get("password_needed", False))
        return LoginStep(password_needed=password_needed, logged_in=not (password_needed or asked_only))
