"""Vendor errors become three kinds of ours, and never the wrong one."""

import traceback
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hanfleet.core.errors import ConflictError, FencedError, PermanentError, StoreUnavailableError
from hanfleet.store.faults import translated
from hanfleet.store.principals import BotPrincipal, OperatorPrincipal, SystemPrincipal

BOT = BotPrincipal("anna")
PASSING = (
    ConnectionRefusedError(),
    FileNotFoundError(),
    TimeoutError(),
    PoolTimeoutError(),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.AdminShutdownError(""),
    asyncpg.CrashShutdownError(""),
    asyncpg.TooManyConnectionsError(""),
    asyncpg.ConnectionDoesNotExistError(""),
    asyncpg.QueryCanceledError(""),
    asyncpg.DeadlockDetectedError(""),
    asyncpg.LockNotAvailableError(""),
    asyncpg.exceptions.InterfaceError("connection is closed"),  # type: ignore[no-untyped-call]
    asyncpg.exceptions.InternalClientError("cannot switch to state 15"),
    asyncpg.InvalidCachedStatementError(""),
)


def _raise(error: Exception, principal: BotPrincipal | SystemPrincipal) -> None:
    with translated(principal):
        raise error


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_passes_may_be_repeated(error: Exception) -> None:
    with pytest.raises(StoreUnavailableError) as told:
        _raise(error, BOT)
    assert told.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [asyncpg.InvalidPasswordError(""), asyncpg.InvalidAuthorizationSpecificationError("")]
)
def test_a_refused_log_in_fences_a_bot_and_puzzles_a_service(error: Exception) -> None:
    with pytest.raises(FencedError):
        _raise(error, BOT)
    with pytest.raises(PermanentError, match="user and password") as told:
        _raise(error, SystemPrincipal("supervisor"))
    assert not isinstance(told.value, FencedError)


def test_what_does_not_pass_is_permanent() -> None:
    with pytest.raises(ConflictError):
        _raise(asyncpg.UniqueViolationError(""), BOT)
    for error in (asyncpg.InsufficientPrivilegeError(""), asyncpg.exceptions.DataError("an int is wanted")):
        with pytest.raises(PermanentError):
            _raise(error, BOT)


def test_errors_in_sqlalchemys_wrapping_are_known_by_what_is_inside() -> None:
    inner = Exception("adapter")
    inner.__cause__ = asyncpg.UniqueViolationError("")
    with pytest.raises(ConflictError):
        _raise(DBAPIError("INSERT", None, inner), BOT)


def test_a_full_disk_is_named_and_may_be_repeated() -> None:
    with pytest.raises(StoreUnavailableError, match=r"^The disk of the database is full: free some space\.$"):
        _raise(asyncpg.DiskFullError("could not extend file"), SystemPrincipal("app"))


def test_other_errors_pass_untouched() -> None:
    with pytest.raises(ZeroDivisionError):
        _raise(ZeroDivisionError(), BOT)


def test_principals_say_who_they_are() -> None:
    assert (BOT.setting, BOT.source) == ("", "worker")
    assert (OperatorPrincipal("olga").setting, OperatorPrincipal("olga").source) == ("operator:olga", "control")
    assert (SystemPrincipal("app").setting, SystemPrincipal("app").source) == ("system:app", "app")


def _shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def test_no_value_of_a_row_or_a_query_is_repeated() -> None:
    refused: Any = asyncpg.CheckViolationError("new row violates a check")
    refused.detail = "Failing row contains (mia, my secret hobby)."
    adapter = Exception("adapter: new row violates a check DETAIL: my secret hobby")
    adapter.__cause__ = refused
    for error in (
        refused,
        DBAPIError("INSERT", {"text": "my secret hobby"}, adapter),
        asyncpg.exceptions.DataError("invalid input for query argument $3: 'my secret hobby' (a str is wanted)"),
        asyncpg.InvalidTextRepresentationError('invalid input syntax for type bigint: "my secret hobby"'),
    ):
        with pytest.raises(PermanentError) as told:
            _raise(error, BOT)
        assert "my secret hobby" not in _shown(told.value)
        assert "The database refuses this: " in _shown(told.value)


def test_what_exists_already_is_a_sentence_with_a_next_step() -> None:
    error = asyncpg.UniqueViolationError("duplicate key")
    error.detail = "Key (bot_id)=(twice) already exists."  # type: ignore[attr-defined]
    with pytest.raises(ConflictError) as told:
        _raise(error, SystemPrincipal("test"))
    assert str(told.value) == (
        "It exists already, made before or in this moment: Key (bot_id)=(twice). Look at what is there, then try again."
    )


def test_a_deadlock_is_told_without_the_servers_words() -> None:
    with pytest.raises(StoreUnavailableError) as told:
        _raise(asyncpg.DeadlockDetectedError("deadlock detected"), SystemPrincipal("test"))
    assert str(told.value) == "Somebody else changed the same in this moment, and this gave way: try again."
