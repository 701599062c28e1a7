"""How events, commands and responses look on the bus: one JSON object in one field of a stream entry.

A command that carries a secret goes sealed: streams end up in the server's append-only file. Refuses to send such a
command in clear.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError

from hanfleet.core.commands import Command, Response
from hanfleet.core.errors import PermanentError
from hanfleet.core.events import Event

Seal = Callable[[bytes], bytes]
_COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)


class MalformedEntryError(PermanentError):
    """A stream entry is not what its stream carries."""


class _Envelope(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    expires_at: datetime
    command: dict[str, Any] | None = None
    sealed: str | None = None


@dataclass(frozen=True)
class CommandEntry:
    """A command as it was read. ``command`` is None when it is unknown or does not open; then ``error`` says so."""

    id: UUID
    expires_at: datetime
    command: Command | None
    error: str | None = None


def encode_event(event: Event) -> dict[str, str]:
    return {"event": event.model_dump_json()}


def decode_event(fields: Mapping[str, str]) -> Event:
    """Raises MalformedEntryError."""
    try:
        return Event.model_validate_json(fields["event"])
    except (KeyError, ValidationError) as wrong:
        raise MalformedEntryError(f"This entry is no event ({wrong}).") from wrong


def encode_command(command_id: UUID, command: Command, expires_at: datetime, seal: Seal | None) -> dict[str, str]:
    """Raises ValueError when ``command`` holds a secret and there is no ``seal``."""
    plain = command.model_dump(mode="json")
    secrets = {name: value.get_secret_value() for name, value in command if isinstance(value, SecretStr)}
    if not secrets:
        envelope = _Envelope(id=command_id, expires_at=expires_at, command=plain)
    elif seal is None:
        raise ValueError(f"{command.type} carries a secret and must be sealed")
    else:
        sealed = base64.b64encode(seal(json.dumps({**plain, **secrets}).encode())).decode()
        envelope = _Envelope(id=command_id, expires_at=expires_at, sealed=sealed)
    return {"command": envelope.model_dump_json(exclude_none=True)}


def decode_command(fields: Mapping[str, str], unseal: Seal) -> CommandEntry:
    """Raises MalformedEntryError where not even an id can be read, so nobody can be answered."""
    try:
        envelope = _Envelope.model_validate_json(fields["command"])
    except (KeyError, ValidationError) as wrong:
        raise MalformedEntryError(f"This entry is no command ({wrong}).") from wrong
    try:
        plain = envelope.command
        if envelope.sealed is not None:
            plain = json.loads(unseal(base64.b64decode(envelope.sealed, validate=True)))
        command = _COMMANDS.validate_python(plain)
    except (binascii.Error, ValueError, PermanentError):
        # The cause may quote the secret, so it goes no further.
        error = "This worker does not understand the command: restart the bot, so that it runs the same release."
        return CommandEntry(envelope.id, envelope.expires_at, None, error)
    return CommandEntry(envelope.id, envelope.expires_at, command)


def encode_response(response: Response) -> dict[str, str]:
    return {"response": response.model_dump_json()}


def decode_response(fields: Mapping[str, str]) -> Response:
    """Raises MalformedEntryError."""
    try:
        return Response.model_validate_json(fields["response"])
    except (KeyError, ValidationError) as wrong:
        raise MalformedEntryError(f"This entry is no response ({wrong}).") from wrong
