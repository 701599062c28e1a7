"""What the store gives and takes: frozen, typed, without behaviour beyond their own fields.

Times are aware and in UTC, waits are whole milliseconds, texts are clear (see texts.py for how they are stored), bytes
named ``…_sealed`` are opaque here: the vault is another room, and sealing comes in as a callable.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from hanfleet.core.failures import FailureKind
from hanfleet.core.messages import Author, Direction, Entity, MediaKind, SessionSnapshot, UpdateState
from hanfleet.core.states import BotState, DesiredState, WorkerPhase

#: (field, clear bytes) → sealed bytes, and back, for one bot (vault.KeyRing).
Seal = Callable[[str, bytes], bytes]
Open = Callable[[str, bytes], bytes]


@dataclass(frozen=True)
class BotRow:
    """One bot: what is wanted of it and what was last seen of it.

    ``restart_generation`` grows with each requested restart; the supervisor has carried out those up to
    ``applied_generation``. ``failures`` and ``not_before`` are the restart policy's memory.
    """

    bot_id: str
    name: str
    config: dict[str, Any]
    config_version: int
    desired_state: DesiredState
    restart_generation: int
    applied_generation: int
    status: BotState
    status_reason: str
    status_since: datetime
    failure_kind: FailureKind | None
    failures: int
    not_before: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class SealedEntity:
    """A peer with its access hash sealed as field ``access_hash:<id>`` (and phone as ``phone:<id>``)."""

    id: int
    kind: str
    access_hash_sealed: bytes = field(repr=False)
    name: str = ""
    username: str | None = None
    phone_sealed: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SessionRow:
    """A stored Telegram session; the key is sealed as field ``auth_key``."""

    bot_id: str
    telegram_user_id: int | None
    is_bot: bool
    dc_id: int
    server_address: str
    port: int
    auth_key_sealed: bytes = field(repr=False)
    state: UpdateState | None = None
    entities: tuple[SealedEntity, ...] = ()

    def opened(self, open_: Open) -> SessionSnapshot:
        """The snapshot that a transport takes. Raises what ``open_`` raises for a wrong key."""
        return SessionSnapshot(
            dc_id=self.dc_id,
            server_address=self.server_address,
            port=self.port,
            auth_key=open_("auth_key", self.auth_key_sealed),
            telegram_user_id=self.telegram_user_id,
            is_bot=self.is_bot,
            state=self.state,
            entities=tuple(_opened_entity(entity, open_) for entity in self.entities),
        )


def _opened_entity(entity: SealedEntity, open_: Open) -> Entity:
    phone = entity.phone_sealed
    return Entity(
        id=entity.id,
        access_hash=int(open_(f"access_hash:{entity.id}", entity.access_hash_sealed)),
        kind=entity.kind,
        name=entity.name,
        username=entity.username,
        phone=None if phone is None else open_(f"phone:{entity.id}", phone).decode(),
    )


@dataclass(frozen=True)
class ContactRow:
    """A contact (table user_profiles). ``message_count`` counts what the contact wrote."""

    id: UUID
    bot_id: str
    chat_id: int
    name: str
    username: str | None
    language: str | None
    is_bot: bool
    profile_data: dict[str, Any]
    disclosed_at: datetime | None
    opted_out_at: datetime | None
    paused_at: datetime | None
    message_count: int
    last_activity: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class ConversationRow:
    """Where a conversation stands. ``newest_inbound`` and ``answered_through`` are Telegram message ids (0: none).

    ``newest_inbound`` is the message that was taken last, so it changes with each, also with one that arrives late.
    ``reply_due_at`` is when the burst counts as over; ``waiting_since`` is the arrival of the oldest inbound message
    that no turn has decided on. Both are None when nothing waits.
    """

    id: UUID
    bot_id: str
    chat_id: int
    newest_inbound: int
    newest_inbound_at: datetime | None
    answered_through: int
    reply_due_at: datetime | None
    waiting_since: datetime | None
    response_id: str | None
    timestamp: datetime


@dataclass(frozen=True)
class MessageRow:
    """One message. ``telegram_id`` is None while our own message is unsent; ``deleted_at`` also marks never sent."""

    id: UUID
    bot_id: str
    chat_id: int
    telegram_id: int | None
    direction: Direction
    author: Author
    text: str
    media: MediaKind
    sent_at: datetime | None
    created_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    outbox_id: UUID | None
    turn_id: UUID | None


@dataclass(frozen=True)
class TakenMessage:
    """A message that was new to the store; ``due_at`` is when its chat's burst counts as over now."""

    id: UUID
    chat_id: int
    telegram_id: int
    due_at: datetime


@dataclass(frozen=True)
class TakenBatch:
    """What a batch changed; all empty when every message of it was a repeat.

    ``fresh`` are new inbound messages; ``recognised`` are outbox rows of ours that came back; ``taken_over`` are chats
    in which the owner typed by hand, so that the AI is paused there now.
    """

    fresh: tuple[TakenMessage, ...] = ()
    recognised: tuple[UUID, ...] = ()
    taken_over: tuple[int, ...] = ()


@dataclass(frozen=True)
class TurnContext:
    """All that a turn is decided on, of one moment.

    ``fresh`` are the inbound messages that no turn has decided on, oldest first; ``history`` are the other messages
    (ours too, also those not yet sent), oldest first. ``newest_inbound`` goes back with the decision.
    ``disclosure_pending`` is true while a disclosure waits in the outbox: do not add another.
    """

    contact: ContactRow
    conversation: ConversationRow
    fresh: tuple[MessageRow, ...]
    history: tuple[MessageRow, ...]
    newest_inbound: int
    disclosure_pending: bool


class OutboxKind(StrEnum):
    """Only a disclosure may go out to a contact who has not been told yet."""

    DISCLOSURE = "disclosure"
    REPLY = "reply"
    FALLBACK = "fallback"
    NOTICE = "notice"


class OutboxState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Part:
    """One message of a decision. The planned waits are kept, so that latency can be told from politeness."""

    kind: OutboxKind
    text: str
    merge_wait_ms: int = 0
    read_wait_ms: int = 0
    typing_ms: int = 0


@dataclass(frozen=True)
class TurnDecision:
    """What a turn decided; no parts means: deliberately no answer. ``reason`` is a word for it (reply, opted_out…).

    ``through``: the last message that was answered; what came since waits for a turn of its own. None: one that came
    since refuses the decision.
    """

    chat_id: int
    newest_inbound: int
    parts: tuple[Part, ...] = ()
    reason: str = "reply"
    response_id: str | None = None
    model_ms: int | None = None
    through: UUID | None = None


@dataclass(frozen=True)
class OutboxRow:
    """One message to send. ``random_id`` was made with the row and never changes: it makes repeats harmless."""

    id: UUID
    bot_id: str
    chat_id: int
    turn_id: UUID | None
    part: int
    position: int
    kind: OutboxKind
    text: str
    random_id: int
    state: OutboxState
    merge_wait_ms: int
    read_wait_ms: int
    typing_ms: int
    attempts: int
    first_attempt_at: datetime | None
    not_before: datetime | None
    telegram_id: int | None
    sent_at: datetime | None
    error: str | None
    created_at: datetime
    answers: int | None = None  # the Telegram id of the newest inbound message that this answers: read up to there


@dataclass(frozen=True)
class Beat:
    """What a worker tells of itself. Milliseconds, megabytes, counts since its start."""

    phase: WorkerPhase
    loop_lag_ms: float = 0.0
    connected: bool = False
    last_update_at: datetime | None = None
    oldest_unanswered_at: datetime | None = None
    rss_mb: float = 0.0
    uss_mb: float = 0.0
    messages_in: int = 0
    messages_out: int = 0
    answer_latency_ms: float | None = None


@dataclass(frozen=True)
class HeartbeatRow:
    """The last beat of a bot's worker; ``at`` and ``age_s`` are by the database's clock."""

    bot_id: str
    epoch: int
    beat: Beat
    at: datetime
    age_s: float


@dataclass(frozen=True)
class MetricRow:
    bot_id: str
    name: str
    value: float
    timestamp: datetime


@dataclass(frozen=True)
class SummaryRow:
    """What a model made of a conversation; ``through`` is the last message that it tells of, which may be gone."""

    id: UUID
    bot_id: str
    chat_id: int
    summary: str
    through: UUID
    created_at: datetime


class ScheduleKind(StrEnum):
    TIMER = "timer"
    STARTER = "starter"
    FOLLOW_UP = "follow_up"


@dataclass(frozen=True)
class ScheduleRow:
    """Something planned for one contact that is still to come."""

    id: UUID
    bot_id: str
    chat_id: int
    kind: ScheduleKind
    due_at: datetime
