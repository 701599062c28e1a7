"""One contact's chat with one bot: send without ever doubling, read, type, edit, and look into the own history.

It turns the line's requests into a conversation's and keeps the rule that an uncertain send is repeated only with its
own random id.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from telethon import errors
from telethon.tl import types
from telethon.tl.functions.messages import (
    EditMessageRequest,
    GetHistoryRequest,
    ReadHistoryRequest,
    SendMessageRequest,
    SetTypingRequest,
)

from hanfleet.kit.clock import Clock
from hanfleet.sandbox.contacts.line import Line, LineBrokenError

_HISTORY_SLICE = 100
_REFUSED_PAUSE_S = 0.5

# These refusals pass by themselves: waiting and asking again is what a person would do.
_WAITABLE = (errors.FloodWaitError, errors.FloodPremiumWaitError)


class RefusedError(Exception):
    """Telegram refused the message for good; it was not sent by this attempt."""


@dataclass(frozen=True)
class Delivery:
    """When the attempt that may have delivered began, and the message's id if Telegram told it."""

    began_at: datetime
    began_monotonic: float
    telegram_id: int | None


@dataclass(frozen=True)
class HistoryEntry:
    """One message of a chat as its owner's history shows it."""

    telegram_id: int
    outgoing: bool
    text: str


class Chat:
    """A contact's side of a chat with the user ``peer`` (Telethon's)."""

    def __init__(self, line: Line, peer: Any, clock: Clock) -> None:
        self._line = line
        self._clock = clock
        self.peer_id: int = peer.id
        self._input = types.InputPeerUser(peer.id, peer.access_hash)

    async def send(self, text: str, random_id: int, give_up: Callable[[], bool]) -> Delivery | None:
        """Send once, however often it takes. None when ``give_up`` said so before any answer was certain.

        Raises RefusedError. The moment given is that of the first attempt that may have delivered.
        """
        began: tuple[datetime, float] | None = None
        while not give_up():
            began = began or (self._clock.now(), self._clock.monotonic())
            try:
                answer = await self._line.ask(SendMessageRequest(self._input, text, random_id=random_id))
            except LineBrokenError:
                await self._clock.sleep(_REFUSED_PAUSE_S / 10)
            except errors.RandomIdDuplicateError:
                return Delivery(*began, None)
            except _WAITABLE as refused:
                began = None
                await self._clock.sleep(getattr(refused, "seconds", None) or _REFUSED_PAUSE_S)
            except errors.RPCError as refused:
                raise RefusedError(str(refused)) from refused
            else:
                return Delivery(*began, _message_id(answer))
        return None

    async def type(self) -> None:
        """Show "typing…"; best effort."""
        await self._try(SetTypingRequest(self._input, types.SendMessageTypingAction()))

    async def read(self, up_to: int) -> None:
        """Mark as read; best effort."""
        await self._try(ReadHistoryRequest(self._input, max_id=up_to))

    async def edit(self, telegram_id: int, text: str) -> bool:
        """Change an own message; best effort, True if it worked."""
        return await self._try(EditMessageRequest(self._input, telegram_id, message=text))

    async def history(self) -> Sequence[HistoryEntry]:
        """The whole chat, newest first, from the contact's own account. Raises LineBrokenError or RPCError."""
        found: list[HistoryEntry] = []
        offset = 0
        while True:
            answer = await self._line.ask(
                GetHistoryRequest(
                    self._input,
                    offset_id=offset,
                    offset_date=None,
                    add_offset=0,
                    limit=_HISTORY_SLICE,
                    max_id=0,
                    min_id=0,
                    hash=0,
                )
            )
            slice_ = [m for m in answer.messages if isinstance(m, types.Message)]
            found += [HistoryEntry(m.id, bool(m.out), m.message or "") for m in slice_]
            if not answer.messages or isinstance(answer, types.messages.Messages):
                return found
            offset = answer.messages[-1].id

    async def _try(self, request: Any) -> bool:
        with suppress(LineBrokenError, errors.RPCError):
            await self._line.ask(request)
            return True
        return False


def _message_id(answer: Any) -> int | None:
    """The new message's id from either of the shapes in which Telegram confirms a send."""
    if isinstance(answer, types.UpdateShortSentMessage):
        return int(answer.id)
    for update in getattr(answer, "updates", []):
        if isinstance(update, types.UpdateMessageID):
            return int(update.id)
    return None
