"""What the control interface takes and gives. Field names are a contract: tests and other rooms build on them."""

import re
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

HIGHEST_MESSAGE_ID: Final = 2**31 - 1
_HALF_OF_A_PAIR: Final = re.compile(r"[\ud800-\udfff]")
_HALF_CHARACTER: Final = "it holds half of a surrogate pair, which no message can carry: take it out"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_half_characters(cls, value: object) -> object:
        """JSON can spell half of a surrogate pair; neither UTF-8 nor Telegram's UTF-16 can hold it."""
        if isinstance(value, str) and _HALF_OF_A_PAIR.search(value):
            raise PydanticCustomError("half_character", _HALF_CHARACTER)
        return value


class AccountCreation(_Body):
    """An account to make; what is left out is made up."""

    kind: Literal["user", "bot"]
    first_name: str = Field(min_length=1, max_length=64)
    last_name: str | None = Field(default=None, max_length=64)
    phone: str | None = None
    username: str | None = None
    language_code: str | None = Field(default=None, max_length=8)
    password: str | None = Field(default=None, min_length=1, description="two-step password (2FA)")
    token: str | None = Field(default=None, description="a bot's token; made when left out")


class AccountView(BaseModel):
    """One account, with the secrets that a rehearsal needs."""

    id: int
    kind: Literal["user", "bot"]
    phone: str | None
    token: str | None
    username: str | None
    first_name: str
    last_name: str | None
    language_code: str | None
    has_password: bool
    pts: int
    top_message_id: int


class CodeView(BaseModel):
    phone: str
    code: str


class MessageCreation(_Body):
    """``to`` is an account's id or username."""

    to: int | str
    text: str
    reply_to: int | None = Field(default=None, ge=1, le=HIGHEST_MESSAGE_ID)


class SentMessage(BaseModel):
    id: int
    date: int


class MessageEdit(_Body):
    text: str


class ReadMark(_Body):
    peer: int | str
    max_id: int = Field(
        default=0, ge=0, le=HIGHEST_MESSAGE_ID, description="an id in this account's box; 0 means everything"
    )


class TypingSignal(_Body):
    peer: int | str


class MessageView(BaseModel):
    """A message in one account's box. ``read``: by this account when it came in, by the peer when it went out."""

    id: int
    from_id: int
    peer_id: int
    out: bool
    text: str
    date: int
    edit_date: int | None
    reply_to: int | None
    read: bool


class DialogView(BaseModel):
    peer_id: int
    top_message_id: int
    unread_count: int
    read_inbox_max_id: int
    read_outbox_max_id: int


class KeyView(BaseModel):
    """``key_id`` is a signed 64-bit number as text, since JSON readers may round it."""

    key_id: str
    account_id: int | None
    layer: int | None
    connections: int
    max_connections: int


class StatsView(BaseModel):
    """``max_connections_per_auth_key`` is the record over the life of the data, not of this process."""

    uptime_s: float
    connections: int
    auth_keys: list[KeyView]
    max_connections_per_auth_key: int
    messages_sent: int
    duplicates_refused: int
    unknown_methods: int
    sends_by_account: dict[str, int]


class FaultOrder(_Body):
    """Something that shall go wrong ``count`` times."""

    fault: Literal[
        "rpc_error",
        "cut_before",
        "cut_after",
        "no_answer",
        "delay",
        "suppress_pushes",
        "too_long",
        "drop_connections",
        "rotate_salt",
        "forget_key",
    ]
    method: str = Field(default="*", description="a TL name such as messages.sendMessage, or *")
    account_id: int | None = Field(default=None, description="only this account; left out: any")
    count: int = Field(default=1, ge=1, le=1_000_000)
    error_code: int | None = Field(default=None, description="left out: the code that Telegram uses for this message")
    error_message: str | None = Field(default=None, pattern=r"^[A-Z][A-Za-z0-9_]{2,99}$")
    delay_ms: int = Field(default=0, ge=0, le=600_000)
    revoke_key: bool | None = Field(
        default=None, description="log the key out after the error; left out: for AUTH_KEY_DUPLICATED only"
    )


class FaultId(BaseModel):
    id: int


class FaultView(FaultOrder):
    id: int
    remaining: int
