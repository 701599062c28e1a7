"""Reading an old folder while the database is busy with what was read before: a thread makes the next chats ready.

Refuses to read on before a batch was taken, so two batches are in memory at most.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hanfleet.control.legacy.folder import LegacyFolder
from hanfleet.control.legacy.records import LegacyChat, LegacyProfile
from hanfleet.control.legacy.rows import brought_contact, contact_of, conversation_of, extras_of, messages_of
from hanfleet.store.imported import ImportedContact, ImportedConversation, ImportedMessage

#: Messages that are read, and written, together; chats are not divided.
_BATCH = 10_000


@dataclass(frozen=True)
class ReadChat:
    """One chat, ready to be written; ``brought`` and ``extras`` are what its marks will say."""

    chat_id: int
    profile: LegacyProfile | None
    contact: ImportedContact
    brought: dict[str, Any]
    conversation: ImportedConversation | None
    rows: list[ImportedMessage]
    extras: dict[str, Any]


class ReadAhead:
    """Chats of ``folder`` in batches. Whoever breaks off has to `aclose`."""

    def __init__(self, folder: LegacyFolder, bot_id: str, now: datetime) -> None:
        self._chats = folder.chats()
        self._bot_id = bot_id
        self._now = now
        self._reading = self._begin()

    async def batch(self) -> list[ReadChat]:
        """The next chats; none: that was all."""
        batch = await self._reading
        self._reading = self._begin()
        return batch

    async def aclose(self) -> None:
        # A thread cannot be interrupted: its chats have to be waited for.
        await asyncio.gather(self._reading, return_exceptions=True)

    def _begin(self) -> asyncio.Task[list[ReadChat]]:
        return asyncio.create_task(asyncio.to_thread(self._read))

    def _read(self) -> list[ReadChat]:
        batch: list[ReadChat] = []
        size = 0
        while size < _BATCH and (chat := next(self._chats, None)) is not None:
            batch.append(self._ready(chat))
            size += len(chat.messages) + 1
        return batch

    def _ready(self, chat: LegacyChat) -> ReadChat:
        contact = contact_of(chat, self._now)
        return ReadChat(
            chat_id=chat.chat_id,
            profile=chat.profile,
            contact=contact,
            brought=brought_contact(contact, chat.profile),
            conversation=conversation_of(chat, self._now),
            rows=messages_of(self._bot_id, chat),
            extras=extras_of(chat),
        )
