"""The answering side of the command queues: a worker takes its commands, one at a time, and answers each once.

A command is taken off the queue before it is carried out, so a worker that dies of it does not meet it again; the
sender hears nothing and decides. Expired commands are dropped unread: who sent them has stopped waiting.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

from redis.exceptions import ResponseError

from hanfleet.bus import keys
from hanfleet.bus.codec import CommandEntry, MalformedEntryError, Seal, decode_command, encode_response
from hanfleet.bus.connection import BLOCK_S, Bus, Entry, entries_of, is_missing_group
from hanfleet.bus.patience import Patience
from hanfleet.core.commands import Command, Response
from hanfleet.core.errors import BusUnavailableError, ConflictError
from hanfleet.kit.logging import get_logger

_GROUP = "worker"
_KEPT_REPLIES = 100
_REMEMBERED = 1000
_log = get_logger("bus")


class Received(NamedTuple):
    """One command to carry out."""

    command_id: UUID
    command: Command


class MessageQueue:
    """The commands to one bot. ``unseal`` opens those that carry secrets."""

    def __init__(self, bus: Bus, bot_id: str, unseal: Seal) -> None:
        self._bus = bus
        self._bot_id = bot_id
        self._unseal = unseal
        self._unanswered: set[UUID] = set()
        # A dropped connection can put one command on the stream twice.
        self._seen: deque[UUID] = deque(maxlen=_REMEMBERED)

    async def receive(self) -> AsyncIterator[Received]:
        """Commands as they come, for ever; a lost bus is waited for."""
        patience = Patience(self._bus.clock, f"commands of {self._bot_id}")
        while True:
            try:
                entries = await self._read()
                patience.answered()
                for _entry_id, fields in entries:
                    received = await self._take(fields)
                    if received is not None:
                        yield received
            except BusUnavailableError as lost:
                await patience.lost(lost)

    async def reply(self, response: Response) -> None:
        """Answer a received command. Raises ConflictError the second time, BusUnavailableError when it did not go."""
        if response.command_id not in self._unanswered:
            raise ConflictError("This command was answered already, or was never received.")
        self._unanswered.discard(response.command_id)
        with self._bus.guarded():
            await self._bus.client.xadd(
                keys.replies(self._bot_id), encode_response(response), maxlen=_KEPT_REPLIES, approximate=True
            )

    async def _read(self) -> list[Entry]:
        stream = keys.commands(self._bot_id)
        with self._bus.guarded():
            try:
                found = await self._bus.client.xreadgroup(
                    _GROUP, _GROUP, {stream: ">"}, count=10, block=int(BLOCK_S * 1000), noack=True
                )
            except ResponseError as missing:
                if not is_missing_group(missing):
                    raise
                # From the beginning: what was sent before the first worker came is still wanted until it expires.
                await self._bus.client.xgroup_create(stream, _GROUP, id="0", mkstream=True)
                return []
        entries = entries_of(found)
        if entries:
            # They are ours already; a copy that stays behind does no harm.
            with suppress(BusUnavailableError), self._bus.guarded():
                await self._bus.client.xdel(stream, *(entry_id for entry_id, _ in entries))
        return entries

    async def _take(self, fields: dict[str, str]) -> Received | None:
        try:
            entry = decode_command(fields, self._unseal)
        except MalformedEntryError as wrong:
            _log.warning("a command was dropped", bot_id=self._bot_id, error=str(wrong))
            return None
        if entry.id in self._seen or self._expired(entry):
            return None
        self._seen.append(entry.id)
        self._unanswered.add(entry.id)
        if entry.command is None:
            with suppress(BusUnavailableError):
                await self.reply(Response(command_id=entry.id, ok=False, error=entry.error))
            return None
        return Received(entry.id, entry.command)

    def _expired(self, entry: CommandEntry) -> bool:
        if self._bus.clock.now() < entry.expires_at:
            return False
        _log.info("an expired command was dropped", bot_id=self._bot_id, command_id=str(entry.id))
        return True
