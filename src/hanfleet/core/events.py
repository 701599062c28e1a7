"""Events: what happened, in the past tense, typed and versioned. Stored with the change, published after it.

Wire types are dotted; the first word is the stream's category. An event may be seen twice by a consumer, never zero
times: de-duplicate by ``id``. No event carries message text or a secret.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Category(StrEnum):
    """The four streams."""

    BOT = "bot"
    USER = "user"
    SYSTEM = "system"
    ERROR = "error"


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BotRegistered(_Payload):
    type: Literal["bot.registry.registered"] = "bot.registry.registered"
    version: Literal[1] = 1
    bot_id: str


class BotConfigured(_Payload):
    type: Literal["bot.config.updated"] = "bot.config.updated"
    version: Literal[1] = 1
    bot_id: str
    config_version: int


class BotDesired(_Payload):
    """An operator changed what is wanted of a bot."""

    type: Literal["bot.lifecycle.desired"] = "bot.lifecycle.desired"
    version: Literal[1] = 1
    bot_id: str
    desired: str


class BotRestartRequested(_Payload):
    """An operator asked for the ``generation``-th restart."""

    type: Literal["bot.lifecycle.restart_requested"] = "bot.lifecycle.restart_requested"
    version: Literal[1] = 1
    bot_id: str
    generation: int


class BotStateChanged(_Payload):
    type: Literal["bot.lifecycle.state_changed"] = "bot.lifecycle.state_changed"
    version: Literal[1] = 1
    bot_id: str
    before: str
    after: str
    reason: str = ""


class BotStarted(_Payload):
    type: Literal["bot.lifecycle.started"] = "bot.lifecycle.started"
    version: Literal[1] = 1
    bot_id: str


class BotStopped(_Payload):
    type: Literal["bot.lifecycle.stopped"] = "bot.lifecycle.stopped"
    version: Literal[1] = 1
    bot_id: str


class BotArchived(_Payload):
    type: Literal["bot.registry.archived"] = "bot.registry.archived"
    version: Literal[1] = 1
    bot_id: str


class LoginCompleted(_Payload):
    type: Literal["bot.session.login_completed"] = "bot.session.login_completed"
    version: Literal[1] = 1
    bot_id: str


class MessageReceived(_Payload):
    """``message_id`` refers to the row in messages."""

    type: Literal["user.message.received"] = "user.message.received"
    version: Literal[1] = 1
    bot_id: str
    chat_id: int
    message_id: UUID


class ReplyDecided(_Payload):
    """A turn was committed: ``parts`` outbox rows."""

    type: Literal["user.turn.decided"] = "user.turn.decided"
    version: Literal[1] = 1
    bot_id: str
    chat_id: int
    parts: int


class MessageSent(_Payload):
    type: Literal["user.message.sent"] = "user.message.sent"
    version: Literal[1] = 1
    bot_id: str
    chat_id: int
    message_id: UUID


class ContactDisclosed(_Payload):
    """The disclosure was delivered to the contact."""

    type: Literal["profile.contact.disclosed"] = "profile.contact.disclosed"
    version: Literal[1] = 1
    bot_id: str
    chat_id: int


class ContactUpdated(_Payload):
    type: Literal["profile.contact.updated"] = "profile.contact.updated"
    version: Literal[1] = 1
    bot_id: str
    chat_id: int
    change: str


class HealthCheckFailed(_Payload):
    type: Literal["error.health.check_failed"] = "error.health.check_failed"
    version: Literal[1] = 1
    bot_id: str
    error: str


class BotFailed(_Payload):
    """A worker ended by a failure; ``kind`` is a FailureKind."""

    type: Literal["error.bot.failed"] = "error.bot.failed"
    version: Literal[1] = 1
    bot_id: str
    kind: str
    error: str


class DatabaseSessionEnded(_Payload):
    """A bot's session in the database was ended for what it took from others; ``shut_out``: until its next start."""

    type: Literal["error.database.session_ended"] = "error.database.session_ended"
    version: Literal[1] = 1
    bot_id: str
    reason: str
    shut_out: bool = False


class BusClientsEnded(_Payload):
    """A bot's clients of the bus were ended for what they took from others; ``shut_out``: until its next start."""

    type: Literal["error.bus.clients_ended"] = "error.bus.clients_ended"
    version: Literal[1] = 1
    bot_id: str
    reason: str
    shut_out: bool = False


class LeaderElected(_Payload):
    type: Literal["system.supervisor.leader_elected"] = "system.supervisor.leader_elected"
    version: Literal[1] = 1
    node: str
    epoch: int


EventPayload = Annotated[
    BotRegistered
    | BotConfigured
    | BotDesired
    | BotRestartRequested
    | BotStateChanged
    | BotStarted
    | BotStopped
    | BotArchived
    | LoginCompleted
    | MessageReceived
    | ReplyDecided
    | MessageSent
    | ContactDisclosed
    | ContactUpdated
    | HealthCheckFailed
    | BotFailed
    | DatabaseSessionEnded
    | BusClientsEnded
    | LeaderElected,
    Field(discriminator="type"),
]
_PAYLOADS: TypeAdapter[Any] = TypeAdapter(EventPayload)
_STREAM_OF_FAMILY = {"bot": Category.BOT, "user": Category.USER, "profile": Category.USER, "system": Category.SYSTEM}


def category_of(event_type: str) -> Category:
    """The stream of a dotted type: profile events travel with user events; every unknown family is an error."""
    return _STREAM_OF_FAMILY.get(event_type.partition(".")[0], Category.ERROR)


class Event(BaseModel):
    """The envelope. ``seq`` orders the events of one bot by commit; None for events of no bot.

    ``source`` names the process kind (worker, control, supervisor); ``correlation_id`` joins what one cause set off,
    ``causation_id`` is the event or command directly before.
    """

    model_config = ConfigDict(frozen=True)

    id: UUID
    type: str
    version: int
    source: str
    bot_id: str | None
    seq: int | None
    data: dict[str, Any]
    correlation_id: UUID
    causation_id: UUID | None = None
    timestamp: datetime

    @property
    def category(self) -> Category:
        return category_of(self.type)

    def payload(self) -> Any:
        """The typed payload. Raises pydantic.ValidationError for a type or version that this release does not know."""
        return _PAYLOADS.validate_python({"type": self.type, "version": self.version, **self.data})
