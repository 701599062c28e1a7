"""Changing a bot's role against its will: its sessions end first, for they could hold up every change of it.

A role may set its own password, and locks its row by that until it commits: a change of ours waits, and then fails. The
same holds for its settings. So a change is tried several times, and waits but shortly.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from asyncpg.exceptions import (
    DeadlockDetectedError,
    InternalServerError,
    LockNotAvailableError,
    PostgresError,
    UniqueViolationError,
)

from hanfleet.core.errors import StoreUnavailableError

_TRIES = 8
_ROUNDS = 5
_WAIT_BUT_SHORTLY = "SET LOCAL lock_timeout = '500ms'"
_END_SESSIONS = "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE usename = $1"
# "tuple concurrently updated" has no code of its own, it is an internal error.
_HELD_UP = (LockNotAvailableError, InternalServerError, UniqueViolationError, DeadlockDetectedError)


async def role_of(connection: Any, bot_id: str) -> str | None:
    """The name of the bot's role."""
    role: str | None = await connection.fetchval("SELECT role_name::text FROM bot_roles WHERE bot_id = $1", bot_id)
    return role


async def fence(connection: Any, bot_id: str) -> None:
    """Shut out whoever is logged in as the bot, until its role is let in again. Nothing happens without a role."""
    role = await role_of(connection, bot_id)
    if role is not None:
        await shut_out(connection, role)


async def shut_out(connection: Any, role: str) -> None:
    """Close log-ins and end every session, looking twice: a log-in may have been under way."""
    await change_role(connection, role, lambda: connection.execute(f"ALTER ROLE {role} NOLOGIN"))
    quiet = 0
    for _ in range(_ROUNDS):
        ended = await connection.fetch(_END_SESSIONS, role)
        quiet = 0 if ended else quiet + 1
        if quiet == 2:
            return
        await asyncio.sleep(0)
    raise StoreUnavailableError(f"Sessions of role {role} do not end; try again, or restart the database.")


async def change_role(connection: Any, role: str, change: Callable[[], Awaitable[object]]) -> None:
    """Do ``change`` in a transaction, right after the role's sessions ended; more than once if they come back.

    Raises StoreUnavailableError when the role holds it up each time.
    """
    held_up: PostgresError | None = None
    for _ in range(_TRIES):
        try:
            async with connection.transaction():
                await connection.execute(_WAIT_BUT_SHORTLY)
                await connection.fetch(_END_SESSIONS, role)
                await change()
        except _HELD_UP as error:
            held_up = error
        else:
            return
    raise StoreUnavailableError(f"Role {role} is held up by its own sessions; try again.") from held_up
