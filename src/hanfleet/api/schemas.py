"""What goes over the wire beside the views of `control`: pages, small bodies, answers to wishes."""

from datetime import datetime
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from hanfleet.core.config import refuse_unkeepable
from hanfleet.core.messages import Author, Direction
from hanfleet.store.records import MessageRow, OutboxKind, OutboxRow, OutboxState

Item = TypeVar("Item")
Typed = Annotated[SecretStr, AfterValidator(refuse_unkeepable)]


class Page(BaseModel, Generic[Item]):
    """A part of a list; pass ``next_cursor`` back as ``cursor`` to read on."""

    items: list[Item]
    next_cursor: str | None = Field(description="Null: this was the last page.")


class Accepted(BaseModel):
    """The wish is written down; the status tells how far it has come."""

    bot_id: str
    accepted: bool = Field(description="False: it was asked before, and nothing changed.")


class Configured(BaseModel):
    """The configuration is stored."""

    bot_id: str
    config_version: int
    applied: bool = Field(description="The running worker has taken it over; else it counts from the next start.")


class LoginCode(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: Typed = Field(min_length=1, max_length=32, description="What Telegram sent to the account.")


class LoginPassword(BaseModel):
    model_config = ConfigDict(extra="forbid")

    password: Typed = Field(min_length=1, max_length=256, description="The account's two-step verification.")


class Health(BaseModel):
    """``status`` is ok, degraded (the bus is away: bots answer, commands wait) or unavailable."""

    status: str
    database: str
    bus: str


class Logs(BaseModel):
    """The bot's log; pass ``position`` back as ``after`` to read what came since."""

    lines: list[str]
    position: int


class OutboxItem(BaseModel):
    """A message that the bot decided to send. Waits are planned ones, in milliseconds."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    chat_id: int
    turn_id: UUID | None
    part: int
    kind: OutboxKind
    text: str
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

    @classmethod
    def of(cls, row: OutboxRow) -> "OutboxItem":
        return cls.model_validate(row)


class FoundMessage(BaseModel):
    """A message that holds the words."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    chat_id: int
    direction: Direction
    author: Author
    text: str
    sent_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: MessageRow) -> "FoundMessage":
        return cls.model_validate(row)
