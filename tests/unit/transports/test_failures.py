"""Telegram's errors in the fleet's words, row by row."""

# mypy: allow-untyped-calls

import pytest
from telethon import errors
from telethon.errors.common import AuthKeyNotFound, InvalidBufferError

from hanfleet.core.errors import (
    BotFailure,
    FencedError,
    InvalidInputError,
    PermanentError,
    StoreUnavailableError,
    TemporaryError,
)
from hanfleet.core.failures import FailureKind
from hanfleet.transports.telegram.failures import PEER_FLOOD_PAUSE_S, classify, rpc_name, session_failure, translate


def rpc(message: str, code: int = 400) -> Exception:
    """The exception that Telethon makes of an error on the wire."""

    class Wire:
        error_message = message
        error_code = code

    error: Exception = errors.rpc_message_to_error(Wire, None)
    return error


SESSION_ENDS = [
    (rpc("AUTH_KEY_UNREGISTERED", 401), FailureKind.REAUTH),
    (rpc("SESSION_REVOKED", 401), FailureKind.REAUTH),
    (rpc("SESSION_EXPIRED", 401), FailureKind.REAUTH),
    (rpc("AUTH_KEY_DUPLICATED", 406), FailureKind.REAUTH),
    (rpc("SOMETHING_NEW", 401), FailureKind.REAUTH),
    (AuthKeyNotFound(), FailureKind.REAUTH),
    (rpc("FROZEN_METHOD_INVALID", 420), FailureKind.FROZEN),
    (rpc("FROZEN_PARTICIPANT_MISSING"), FailureKind.FROZEN),
    (rpc("FROZEN_SOMETHING_NEW", 420), FailureKind.FROZEN),
    (rpc("USER_DEACTIVATED", 401), FailureKind.BANNED),
    (rpc("USER_DEACTIVATED_BAN", 401), FailureKind.BANNED),
    (rpc("PHONE_NUMBER_BANNED"), FailureKind.BANNED),
    (rpc("API_ID_INVALID"), FailureKind.CONFIG),
    (rpc("ACCESS_TOKEN_INVALID"), FailureKind.CONFIG),
    (rpc("ACCESS_TOKEN_EXPIRED"), FailureKind.CONFIG),
]


@pytest.mark.parametrize(("error", "kind"), SESSION_ENDS, ids=lambda value: type(value).__name__)
def test_what_ends_a_session_is_named(error: Exception, kind: FailureKind) -> None:
    assert classify(error).kind is kind
    failure = session_failure(error)
    assert failure is not None
    assert failure.kind is kind
    told = translate(error)
    assert isinstance(told, BotFailure)
    assert told.kind is kind
    assert rpc_name(error) in str(told)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionResetError("gone"), FailureKind.TRANSIENT),
        (TimeoutError(), FailureKind.TRANSIENT),
        (rpc("RPC_CALL_FAIL", 500), FailureKind.TRANSIENT),
        (rpc("Timeout", -503), FailureKind.TRANSIENT),
        (InvalidBufferError(b"\x53\xfe\xff\xff"), FailureKind.TRANSIENT),
        (StoreUnavailableError("no database"), FailureKind.TRANSIENT),
        (FencedError("the lease went on"), FailureKind.FENCED),
        (BotFailure(FailureKind.CONFIG, "as it was"), FailureKind.CONFIG),
        (rpc("FLOOD_WAIT_77", 420), FailureKind.FLOOD),
        (rpc("PEER_FLOOD"), FailureKind.FLOOD),
        (ValueError("ours"), FailureKind.BUG),
        (rpc("NOBODY_KNOWS_THIS"), FailureKind.BUG),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_other_end_has_a_kind(error: Exception, kind: FailureKind) -> None:
    assert classify(error).kind is kind


def test_only_what_a_restart_heals_restarts() -> None:
    assert not any(classify(error).restart_helps for error, _kind in SESSION_ENDS)
    assert not classify(rpc("FLOOD_WAIT_77", 420)).restart_helps


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (rpc("FLOOD_WAIT_77", 420), 77.0),
        (rpc("FLOOD_PREMIUM_WAIT_5", 420), 5.0),
        (rpc("SLOWMODE_WAIT_9", 420), 9.0),
        (rpc("PEER_FLOOD"), PEER_FLOOD_PAUSE_S),
        (rpc("INTERNAL_ERROR", 500), None),
        (OSError("network"), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_limit_is_temporary_and_says_how_long(error: Exception, seconds: float | None) -> None:
    told = translate(error)
    assert isinstance(told, TemporaryError)
    assert told.retry_after == seconds


@pytest.mark.parametrize(
    "message",
    ["USER_IS_BLOCKED", "YOU_BLOCKED_USER", "INPUT_USER_DEACTIVATED", "PEER_ID_INVALID", "USER_PRIVACY_RESTRICTED"],
)
def test_a_chat_that_takes_nothing_is_permanent(message: str) -> None:
    told = translate(rpc(message))
    assert type(told) is PermanentError
    assert message in str(told)


@pytest.mark.parametrize("message", ["MESSAGE_EMPTY", "MESSAGE_TOO_LONG"])
def test_a_refused_text_is_bad_input(message: str) -> None:
    assert isinstance(translate(rpc(message)), InvalidInputError)


def test_a_needed_password_ends_no_session() -> None:
    assert session_failure(rpc("SESSION_PASSWORD_NEEDED", 401)) is None


def test_our_own_mistake_stays_itself() -> None:
    mistake = ValueError("ours")
    assert translate(mistake) is mistake
