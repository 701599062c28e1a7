"""What a person may set through the environment (HANFLEET_…); flags of the command line win over it.

Refuses a bad value with one sentence that names the variable, and never prints a secret one.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from hanfleet.core.errors import InvalidInputError
from hanfleet.vault.master_key import key_in

_PREFIX = "HANFLEET_"


def _with_scheme(url: SecretStr | None, schemes: tuple[str, ...]) -> SecretStr | None:
    """Whether it is a URL of that kind at all; what is wrong is said without repeating it, for it holds a password."""
    if url is not None and url.get_secret_value().partition("://")[0] not in schemes:
        raise ValueError(f"it must begin with {schemes[0]}://")
    return url


def _readable_file(path: Path) -> Path:
    path = path.expanduser()
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


class Settings(BaseSettings):
    """All of them, with their defaults. Without URLs the embedded servers are used."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path | None = None
    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    master_key: SecretStr | None = None
    new_master_key: SecretStr | None = None
    telegram_server: Annotated[Path, AfterValidator(_readable_file)] | None = None
    api_host: str = "127.0.0.1"
    api_port: Annotated[int, Field(ge=1, le=65535)] = 8642
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    max_bots: Annotated[int, Field(ge=1, le=1000)] = 50
    keep_events_days: Annotated[int, Field(ge=7, le=36500)] = 90
    keep_metrics_days: Annotated[int, Field(ge=7, le=36500)] = 30
    keep_audit_days: Annotated[int, Field(ge=90, le=36500)] = 365

    #: The hour (UTC) of the daily backup; None (off) makes none.
    backup_hour: int | None = 3
    backup_keep_days: Annotated[int, Field(ge=1, le=3660)] = 7
    backup_keep_weeks: Annotated[int, Field(ge=0, le=520)] = 4

    @field_validator("backup_hour", mode="before")
    @classmethod
    def _hour(cls, value: object) -> int | None:
        if value is None or (isinstance(value, str) and value.lower() == "off"):
            return None
        if str(value).isdecimal() and int(str(value)) < 24:
            return int(str(value))
        raise ValueError("it must be an hour of the day in UTC, 0 to 23, or off")

    @field_validator("master_key", "new_master_key")
    @classmethod
    def _key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and key_in(value.get_secret_value()) is None:
            raise ValueError("it must be 64 hex digits and nothing else")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: SecretStr | None) -> SecretStr | None:
        return _with_scheme(value, ("postgresql", "postgres"))

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        return _with_scheme(value, ("redis", "rediss", "unix", "valkey", "valkeys"))


def load_settings(**flags: Any) -> Settings:
    """The settings of this process; ``flags`` that are None count as not given.

    Raises InvalidInputError, one sentence, for the first bad value.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as refused:
        first = refused.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        reason = first["msg"].removeprefix("Value error, ")
        source = f"--{name.replace('_', '-')}" if flags.get(name) is not None else f"{_PREFIX}{name.upper()}"
        raise InvalidInputError(f"{source} is refused: {reason[0].lower()}{reason[1:]}.") from None
