"""What an import of the old bot's data brings, as `store.imports` takes it and gives it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID


@dataclass(frozen=True)
class ImportedContact:
    """A contact as an import brings it; ``message_count`` counts what the contact wrote."""

    id: UUID
    chat_id: int
    name: str
    data: Mapping[str, Any]
    message_count: int
    last_activity: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class ImportedConversation:
    """A conversation as an import brings it; ``timestamp``: when anything was said last."""

    id: UUID
    chat_id: int
    response_id: str | None
    timestamp: datetime


class ImportedMessage(NamedTuple):
    """A message as an import brings it; Telegram's number of it is not known. A tuple, for there are millions."""

    id: UUID
    direction: str
    author: str
    text: str
    media: str
    sent_at: datetime | None
    created_at: datetime

    @property
    def identity(self) -> tuple[int, str, datetime | None]:
        """What makes it one message in whatever place: the part of its id that its place has no share in, and more.

        The text may have been cut, and so is no sign.
        """
        return self.id.int & 0xFFFF_FFFF_FFFF, self.direction, self.sent_at


@dataclass(frozen=True)
class Mark:
    """What one import brought of one chat (0: of the bot)."""

    kind: str
    chat_id: int
    brought: dict[str, Any]
