"""What people ask of a living worker over the bus: ping, status, stop, reload, and the steps of a log-in.

Nothing that a contact gets depends on this: the queue waits for a bus that is away, and whatever goes wrong here is
answered or logged, and never ends the worker. What must survive is desired state in the database, not a command.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

from hanfleet.bus.message_queue import Received
from hanfleet.core.commands import (
    Command,
    Ping,
    Reload,
    RequestLoginCode,
    Response,
    Status,
    Stop,
    SubmitLoginCode,
    SubmitLoginPassword,
)
from hanfleet.core.errors import BusUnavailableError, HanfleetError, InvalidInputError
from hanfleet.kit.logging import get_logger
from hanfleet.worker.desk import Desk
from hanfleet.worker.login import Login
from hanfleet.worker.memory import rss_mb, uss_mb

_AFTER_TROUBLE_S = 10.0
_log = get_logger("commands")


class Queue(Protocol):
    """The worker's side of its command queue (bus.message_queue.MessageQueue)."""

    def receive(self) -> AsyncIterator[Received]: ...

    async def reply(self, response: Response) -> None: ...


class Commands:
    """Carries commands out, one at a time. ``stop`` begins the end, ``reload`` gives what it changed."""

    def __init__(
        self, desk: Desk, login: Login, *, stop: Callable[[], None], reload: Callable[[], Awaitable[dict[str, Any]]]
    ) -> None:
        self._desk = desk
        self._login = login
        self._stop = stop
        self._reload = reload

    async def run(self, queue: Queue) -> None:
        """Answer until cancelled."""
        while True:
            try:
                async for received in queue.receive():
                    await self._answer(queue, received)
            except Exception:  # noqa: BLE001 - commands are a convenience: their trouble must not silence the bot
                _log.exception("the command queue is in trouble", pause_s=_AFTER_TROUBLE_S)
            await self._desk.clock.sleep(_AFTER_TROUBLE_S)

    async def _answer(self, queue: Queue, received: Received) -> None:
        command_id = received.command_id
        try:
            response = Response(command_id=command_id, ok=True, data=await self._carry_out(received.command))
        except HanfleetError as refused:
            # What was given in may be mistyped, and given again; anything else stays as it is whatever is given.
            again = isinstance(refused, InvalidInputError)
            response = Response(command_id=command_id, ok=False, error=str(refused), data={"again": again})
        except Exception:  # noqa: BLE001 - whoever asked gets an answer, whatever broke
            _log.exception("a command failed", command=received.command.type)
            response = Response(command_id=command_id, ok=False, error="The worker failed at this; its log says why.")
        try:
            await queue.reply(response)
        except BusUnavailableError as lost:
            _log.info("an answer did not get through", command=received.command.type, reason=str(lost))
        if isinstance(received.command, Stop):
            self._stop()

    async def _carry_out(self, command: Command) -> dict[str, Any]:
        match command:
            case Ping():
                told: dict[str, Any] = {"phase": self._desk.phase}
            case Status():
                told = self._status()
            case Stop():
                told = {"stopping": True}
            case Reload():
                told = await self._reload()
            case RequestLoginCode():
                await self._login.request_code()
                told = {"code_sent": True}
            case SubmitLoginCode(code=code):
                done = await self._login.submit_code(code)
                told = {"logged_in": done, "password_needed": not done}
            case SubmitLoginPassword(password=password):
                await self._login.submit_password(password)
                told = {"logged_in": True, "password_needed": False}
        return told

    def _status(self) -> dict[str, Any]:
        tally = self._desk.tally
        return {
            "phase": self._desk.phase,
            "connected": self._desk.line.is_up,
            "rss_mb": round(rss_mb(), 1),
            "uss_mb": round(uss_mb(), 1),
            "messages_in": tally.messages_in,
            "messages_out": tally.messages_out,
            "last_update_at": tally.last_update_at.isoformat() if tally.last_update_at else None,
        }
