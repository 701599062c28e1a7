"""Messages as the fleet sees them, whatever the transport: what came in, what went out."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class Author(StrEnum):
    """Who wrote a message."""

    CONTACT = "contact"
    BOT = "bot"
    OPERATOR = "operator"
    OWNER = "owner"  # the account's owner, typing on a phone


class MediaKind(StrEnum):
    NONE = "none"
    PHOTO = "photo"
    VOICE = "voice"
    OTHER = "other"


@dataclass(frozen=True)
class Person:
    """What Telegram tells of the other side; every field but the id may be missing."""

    chat_id: int
    name: str = ""
    username: str | None = None
    language: str | None = None
    is_bot: bool = False


@dataclass(frozen=True)
class InboundMessage:
    """One message of a private chat as a transport gives it.

    ``telegram_id`` counts per account, ``sent_at`` is Telegram's time (whole seconds, UTC). ``outgoing`` is true for
    what this account sent itself: from this worker, or by its owner's hand elsewhere.
    """

    chat_id: int
    telegram_id: int
    text: str
    sent_at: datetime
    person: Person
    outgoing: bool = False
    media: MediaKind = MediaKind.NONE


@dataclass(frozen=True)
class MessageEdit:
    """A message's text changed after it was sent."""

    chat_id: int
    telegram_id: int
    text: str


@dataclass(frozen=True)
class MessageDeletion:
    """Messages were deleted by the other side; private chats name no chat, ids are per account."""

    telegram_ids: tuple[int, ...]


@dataclass(frozen=True)
class SentMessage:
    """Telegram's answer to a send. ``telegram_id`` is None when a duplicate was refused, so it had been sent before."""

    telegram_id: int | None
    duplicate: bool = False


@dataclass(frozen=True)
class Entity:
    """A peer that this session may address; ``access_hash`` is worthless to any other session and sealed at rest."""

    id: int
    access_hash: int
    kind: str  # "user", "chat" or "channel"
    name: str = ""
    username: str | None = None
    phone: str | None = None


@dataclass(frozen=True)
class UpdateState:
    """Telegram's position in the account's update log (https://core.telegram.org/api/updates)."""

    pts: int
    qts: int
    date: datetime
    seq: int


@dataclass(frozen=True)
class SessionSnapshot:
    """All that a transport needs to go on where another process left: keys, position, known peers."""

    dc_id: int
    server_address: str
    port: int
    auth_key: bytes = field(repr=False)
    telegram_user_id: int | None = None
    is_bot: bool = False
    state: UpdateState | None = None
    entities: tuple[Entity, ...] = ()


@dataclass(frozen=True)
class UpdateBatch:
    """What one pass of the update log brought, to be stored in ONE transaction together with ``state``."""

    state: UpdateState | None
    messages: tuple[InboundMessage, ...] = ()
    edits: tuple[MessageEdit, ...] = ()
    deletions: tuple[MessageDeletion, ...] = ()
    entities: tuple[Entity, ...] = ()
    gap: bool = False  # Telegram skipped updates (differenceTooLong): reconcile from history
