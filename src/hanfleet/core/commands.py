"""Commands to a living worker, in the imperative, and what comes back. They travel over the bus and may be lost with
it; what must survive is desired state in the database, never a command.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class _Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ping(_Command):
    """Answer at once."""

    type: Literal["ping"] = "ping"


class Status(_Command):
    """Tell state, memory, counts."""

    type: Literal["status"] = "status"


class Stop(_Command):
    """Drain and exit. The desired state decides whether the supervisor starts the bot again."""

    type: Literal["stop"] = "stop"


class Reload(_Command):
    """Read the configuration again and apply what can be applied while running."""

    type: Literal["reload"] = "reload"


class RequestLoginCode(_Command):
    """Ask Telegram to send a log-in code to the configured phone."""

    type: Literal["request_login_code"] = "request_login_code"


class SubmitLoginCode(_Command):
    """Log in with the code that Telegram sent."""

    type: Literal["submit_login_code"] = "submit_login_code"
    code: SecretStr


class SubmitLoginPassword(_Command):
    """Answer the two-step verification."""

    type: Literal["submit_login_password"] = "submit_login_password"
    password: SecretStr


Command = Annotated[
    Ping | Status | Stop | Reload | RequestLoginCode | SubmitLoginCode | SubmitLoginPassword,
    Field(discriminator="type"),
]


class Response(BaseModel):
    """A worker's answer. ``error`` is a sentence when ``ok`` is false; ``data`` depends on the command."""

    model_config = ConfigDict(frozen=True)

    command_id: UUID
    ok: bool
    data: dict[str, Any] = {}
    error: str | None = None
