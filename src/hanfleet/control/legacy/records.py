"""What the old data comes to, whatever its shape was: contacts, messages, settings, a session."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from hanfleet.core.messages import Direction, MediaKind


class LegacyMessage(NamedTuple):
    """One message; a tuple, for there are millions.

    ``stamp`` is the time as it was written; ``sent_at`` is None when that is no time.
    ``extra`` are fields that have no place in a message: they are kept with the import.
    """

    stamp: str
    sent_at: datetime | None
    direction: Direction
    text: str
    media: MediaKind = MediaKind.NONE
    extra: dict[str, Any] | None = None

    @property
    def identity(self) -> tuple[datetime | str, Direction, str]:
        """What makes two copies one message: log and backup hold the same three, the time perhaps in other letters."""
        return self.sent_at or self.stamp, self.direction, self.text


@dataclass(frozen=True)
class LegacyProfile:
    """One version of a contact's profile. ``rank`` decides between versions of the same time (higher: newer shape)."""

    chat_id: int
    file: str
    record: str
    rank: int
    name: str = ""
    last_activity: datetime | None = None
    created_at: datetime | None = None
    message_count: int = 0
    response_id: str | None = None
    data: dict[str, Any] = field(default_factory=dict)  # profile_data, with unknown fields under "legacy"


@dataclass(frozen=True)
class LegacyChat:
    """All of one chat: the profile that counts (None: there was none) and every message in order."""

    chat_id: int
    profile: LegacyProfile | None
    messages: list[LegacyMessage]
    backup_name: str = ""

    @property
    def name(self) -> str:
        return (self.profile.name if self.profile else "") or self.backup_name


@dataclass(frozen=True)
class LegacyMetric:
    name: str
    value: float
    at: datetime
