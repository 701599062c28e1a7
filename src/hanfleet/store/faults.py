"""Vendor errors become the product's words here, once. What is not known to be passing is passed on as permanent.

A lost connection, a server that restarts and a statement that waited too long are the same to a caller: repeat the
transaction. A refused log-in is different: for a bot it means that its lease went to somebody else.

Errors end up in logs and events, so the values that a server or driver quotes in them (rows, texts) are left out.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from asyncpg.exceptions import InterfaceError, InternalClientError, InvalidCachedStatementError, PostgresError
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hanfleet.core.errors import (
    ConflictError,
    FencedError,
    InvalidInputError,
    PermanentError,
    StoreUnavailableError,
)
from hanfleet.store.principals import BotPrincipal, Principal

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_REFUSED_LOGIN = {"28000", "28P01"}
_PASSING_CLASSES = {"08", "53", "57"}  # connection, resources, operator intervention (restart, recovery, termination)
_ANSWERED_CLASSES = {"40", "53", "55"}  # rolled back, resources, not in the state for it
_PASSING = {"55P03", "25P03", "25P04"}  # lock and transaction timeouts
_GAVE_WAY = "Somebody else changed the same in this moment, and this gave way: try again."
# What passes and is told in our words: a full disk, serialization, deadlock.
_TOLD = {"53100": "The disk of the database is full: free some space.", "40001": _GAVE_WAY, "40P01": _GAVE_WAY}
_UNIQUE_VIOLATION = "23505"
# What the disk gives back is not what was written: of a table, of an index.
_DAMAGED = {"XX001", "XX002"}
_DAMAGE = (
    "The database's files are damaged: {}. Keep them as they are for whoever looks into it, and restore a backup into"
    " another home (hanfleet backup list)."
)
_VALUE = re.compile(r"(query argument \$\d+|invalid input syntax for type [a-z ]+):.*", re.DOTALL)


def address_of(url: str) -> str:
    """The database URL for people: without user, password and options. Raises InvalidInputError for what is no URL."""
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        # The original repeats the URL, and with it the password.
        raise InvalidInputError(
            "The database URL cannot be read: it looks like postgresql://user:password@host:5432/name, and what is"
            " special in a password is written as %40 for @, %2F for /."
        ) from None
    where = {name: value for name, value in parts.query.items() if name in ("host", "port")}
    return URL.create(
        "postgresql", host=parts.host, port=parts.port, database=parts.database, query=where
    ).render_as_string()


def was_answered(error: StoreUnavailableError) -> bool:
    """Whether a server that goes on refused this (a full disk, a lock, a deadlock): the connection is still good."""
    state = getattr(error.__cause__, "sqlstate", None)
    return state is not None and state[:2] in _ANSWERED_CLASSES


@contextmanager
def translated(principal: Principal | None) -> Iterator[None]:
    """Turn what SQLAlchemy, asyncpg and the socket raise inside into core errors, the original as the cause."""
    try:
        yield
    except DBAPIError as error:
        inner = (error.orig and error.orig.__cause__) or error.orig or error
        # SQLAlchemy's own wrapping repeats them, so it is no part of the chain.
        raise _meaning(inner, principal) from _without_values(inner)
    except (PostgresError, InterfaceError, InternalClientError) as error:
        raise _meaning(error, principal) from _without_values(error)
    except (OSError, PoolTimeoutError) as error:  # TimeoutError is an OSError
        raise StoreUnavailableError(
            f"The database does not answer ({type(error).__name__}): try again soon."
        ) from error


def _meaning(error: BaseException, principal: Principal | None) -> Exception:
    state, detail = getattr(error, "sqlstate", None), getattr(error, "detail", None)
    error = _without_values(error)
    if state in _REFUSED_LOGIN:
        if isinstance(principal, BotPrincipal):
            return FencedError(f"The database refuses the log-in of bot {principal.bot_id}: its lease was given away.")
        return PermanentError(f"The database refuses the log-in: {error}. Check user and password in its URL.")
    if state in _TOLD:
        return StoreUnavailableError(_TOLD[state])
    if _passes(error, state):
        return StoreUnavailableError(f"The database dropped the transaction ({error}): try again soon.")
    if state == _UNIQUE_VIOLATION:
        what = str(detail or error).rstrip(".").removesuffix(" already exists")
        return ConflictError(
            f"It exists already, made before or in this moment: {what}. Look at what is there, then try again."
        )
    return PermanentError((_DAMAGE if state in _DAMAGED else "The database refuses this: {}").format(error))


def _without_values(error: BaseException) -> BaseException:
    """The same error, what it said shortened: no row in DETAIL, no value of a query's argument."""
    if getattr(error, "detail", None):
        error.detail = None  # type: ignore[attr-defined]
    if error.args and isinstance(error.args[0], str):
        error.args = (_VALUE.sub(r"\1", error.args[0]), *error.args[1:])
    return error


def _passes(error: BaseException, state: str | None) -> bool:
    if state is not None and (state[:2] in _PASSING_CLASSES or state in _PASSING):
        return True
    if isinstance(error, ValueError):  # asyncpg's DataError is an InterfaceError too, and never passes
        return False
    # A server that dies says so on idle connections too, and asyncpg calls the next statement an internal error then.
    return isinstance(error, OSError | InterfaceError | InternalClientError | InvalidCachedStatementError)
