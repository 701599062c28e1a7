import uuid
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from hanfleet.bus.codec import (
    MalformedEntryError,
    decode_command,
    decode_event,
    decode_response,
    encode_command,
    encode_event,
    encode_response,
)
from hanfleet.core.commands import Ping, Response, SubmitLoginCode, SubmitLoginPassword
from hanfleet.core.errors import PermanentError
from hanfleet.core.events import BotStarted, Event

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def flip(data: bytes) -> bytes:
    """A seal good enough to tell sealed from clear."""
    return bytes(byte ^ 0xFF for byte in data)


def test_an_event_comes_back_as_it_went() -> None:
    event = Event(
        id=uuid.uuid4(),
        type="bot.lifecycle.started",
        version=1,
        source="supervisor",
        bot_id="mira",
        seq=7,
        data={"bot_id": "mira"},
        correlation_id=uuid.uuid4(),
        timestamp=NOW,
    )
    assert decode_event(encode_event(event)) == event
    assert decode_event(encode_event(event)).payload() == BotStarted(bot_id="mira")


def test_a_response_comes_back_as_it_went() -> None:
    response = Response(command_id=uuid.uuid4(), ok=False, data={"state": "running"}, error="Нет.")
    assert decode_response(encode_response(response)) == response


def test_a_plain_command_comes_back_as_it_went() -> None:
    command_id = uuid.uuid4()
    entry = decode_command(encode_command(command_id, Ping(), NOW, None), flip)
    assert (entry.id, entry.command, entry.expires_at) == (command_id, Ping(), NOW)


def test_a_secret_travels_sealed_only() -> None:
    command = SubmitLoginPassword(password=SecretStr("hunter22"))
    fields = encode_command(uuid.uuid4(), command, NOW, flip)
    assert "hunter22" not in str(fields)
    assert decode_command(fields, flip).command == command


def test_a_secret_without_a_seal_does_not_travel() -> None:
    with pytest.raises(ValueError, match="must be sealed"):
        encode_command(uuid.uuid4(), SubmitLoginCode(code=SecretStr("12345")), NOW, None)


def refuse(_sealed: bytes) -> bytes:
    raise PermanentError("it does not open")


@pytest.mark.parametrize("unseal", [refuse, lambda data: data])
def test_a_command_that_does_not_open_can_still_be_answered(unseal) -> None:
    command_id = uuid.uuid4()
    entry = decode_command(encode_command(command_id, SubmitLoginCode(code=SecretStr("12345")), NOW, flip), unseal)
    assert entry.id == command_id
    assert entry.command is None
    assert "restart the bot" in (entry.error or "")


def test_an_unknown_command_can_still_be_answered() -> None:
    fields = encode_command(uuid.uuid4(), Ping(), NOW, None)
    entry = decode_command({"command": fields["command"].replace("ping", "sing")}, flip)
    assert entry.command is None
    assert entry.error


@pytest.mark.parametrize("fields", [{}, {"command": ""}, {"command": "{}"}, {"command": '{"id": 1}'}, {"other": "x"}])
def test_rubbish_is_refused_by_its_own_error(fields: dict[str, str]) -> None:
    with pytest.raises(MalformedEntryError):
        decode_command(fields, flip)
    with pytest.raises(MalformedEntryError):
        decode_event(fields)
    with pytest.raises(MalformedEntryError):
        decode_response(fields)
