"""The configuration of one bot: what a person may set, with defaults that work and refusals that name the field.

Secrets are SecretStr: they print as stars and are stored sealed, apart from the rest (``BotConfig.public``).
Disclosure, consent and opt-out have texts here, but no switch that turns them off.
"""

import re
from datetime import time
from enum import StrEnum
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from hanfleet.core.bot_ids import BOT_ID

BotId = Annotated[str, StringConstraints(pattern=BOT_ID, max_length=50)]

# Neither PostgreSQL nor UTF-8 can keep them.
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


def refuse_unkeepable(value: Any) -> Any:
    """``value`` as it is. Raises ValueError when it is a text, or holds one, that cannot be stored."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(text, str) and _UNKEEPABLE.search(text):
        raise ValueError("it holds a NUL or half of a surrogate pair, which cannot be stored: take it out")
    if isinstance(text, list | tuple | set | frozenset):
        for item in text:
            refuse_unkeepable(item)
    return value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _can_be_stored(cls, value: Any) -> Any:
        """Parts within this one look at their own texts, so that the refusal names the field."""
        return refuse_unkeepable(value)


class DataIsolationConfig(_Part):
    """How a bot's data is kept apart beyond what every bot gets."""

    encrypt_messages: bool = False
    retention_days: int | None = Field(default=None, ge=1, le=3650)


class FeatureFlags(_Part):
    """What a bot does besides answering."""

    typing: bool = True
    read_receipts: bool = True
    starters: bool = False
    follow_ups: bool = False


class LlmApi(StrEnum):
    RESPONSES = "responses"
    CHAT = "chat"


class LlmConfig(_Part):
    """The model behind a bot: any OpenAI-compatible server. Seconds, tokens, messages."""

    api: LlmApi = LlmApi.RESPONSES
    base_url: HttpUrl | None = None  # None: OpenAI's own
    model: str = Field(default="gpt-4o-mini", min_length=1, max_length=200)
    temperature: float = Field(default=0.85, ge=0, le=2)
    max_tokens: int = Field(default=240, ge=16, le=32_000)
    history_limit: int = Field(default=20, ge=2, le=200)
    timeout_s: float = Field(default=60.0, gt=0, le=600)
    attempts: int = Field(default=3, ge=1, le=10)


class PersonaConfig(_Part):
    """Who the bot is. ``language`` is its own; it answers contacts in theirs where the model can."""

    prompt: str = Field(default="You are a friendly, attentive conversation partner.", min_length=1, max_length=20_000)
    language: Literal["en", "ru"] = "en"
    disclosure: str | None = Field(default=None, min_length=10, max_length=1000)  # None: the product's own text
    fallback: str | None = Field(default=None, min_length=1, max_length=1000)
    opt_out_words: tuple[str, ...] = ()
    companion: bool = False


class PacingConfig(_Part):
    """How long the bot waits before it answers. All in seconds, but for ``chars_per_second``."""

    wait_for_more_s: float = Field(default=4.0, ge=0, le=600)
    chars_per_second: float = Field(default=12.0, gt=0, le=10_000)
    max_typing_s: float = Field(default=20.0, ge=0, le=60)
    split_at_chars: int = Field(default=600, ge=50, le=4000)


class QuietHours(_Part):
    """When the bot lets messages wait until morning: from ``start`` to ``end``, also across midnight, in ``time_zone``.

    Stop words, crisis words and what was decided before are not held back.
    """

    start: time
    end: time
    time_zone: str = "UTC"

    @field_validator("time_zone")
    @classmethod
    def _known_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
            raise ValueError("time_zone is no IANA time zone, such as Europe/Berlin") from unknown
        return name


class BotConfig(_Part):
    """One bot: identity, credentials, persona, model, pacing. Exactly one of phone and bot token."""

    bot_id: BotId
    name: str = Field(min_length=1, max_length=100)
    telegram_api_id: int = Field(gt=0, lt=2**31)
    telegram_api_hash: SecretStr = Field(min_length=8, max_length=64)
    telegram_phone: str | None = Field(default=None, pattern=r"^\+?[0-9]{5,15}$")
    telegram_bot_token: SecretStr | None = Field(default=None, min_length=10, max_length=100)
    openai_api_key: SecretStr | None = Field(default=None, min_length=1, max_length=500)
    admin_chat_id: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    persona: PersonaConfig = PersonaConfig()
    llm: LlmConfig = LlmConfig()
    pacing: PacingConfig = PacingConfig()
    quiet_hours: QuietHours | None = None
    features: FeatureFlags = FeatureFlags()
    data_isolation: DataIsolationConfig = DataIsolationConfig()

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> "BotConfig":
        if (self.telegram_phone is None) == (self.telegram_bot_token is None):
            raise ValueError("set exactly one of telegram_phone and telegram_bot_token")
        return self

    @property
    def is_bot_account(self) -> bool:
        """True for a bot token, False for a user account."""
        return self.telegram_bot_token is not None

    def public(self) -> dict[str, Any]:
        """The configuration without secrets, as JSON types: what is stored in clear and shown."""
        return self.model_dump(mode="json", exclude=set(SECRET_FIELDS))

    def secrets(self) -> dict[str, str]:
        """The secrets that are set, by field name. Seal them before they go anywhere."""
        values = {name: getattr(self, name) for name in SECRET_FIELDS}
        return {name: value.get_secret_value() for name, value in values.items() if value is not None}


SECRET_FIELDS = ("telegram_api_hash", "telegram_bot_token", "openai_api_key")


def assemble_config(public: dict[str, Any], secrets: dict[str, str]) -> BotConfig:
    """Put a stored configuration and its opened secrets together again. Raises pydantic.ValidationError."""
    return BotConfig.model_validate({**public, **secrets})
