"""One database role per bot, made and re-keyed by the provisioner role, which can do nothing else.

Each grant of a bot's lease gives its role a new password, after log-ins were closed and every session of it was ended:
a worker that lost its lease can commit nothing any more. Each step is safe to repeat after a crash at any point.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from asyncpg.exceptions import ForeignKeyViolationError, UniqueViolationError
from sqlalchemy.engine import make_url

from hanfleet.core.errors import NotFoundError
from hanfleet.kit.requests import request_id
from hanfleet.store.addresses import connect
from hanfleet.store.faults import translated
from hanfleet.store.fencing import change_role, fence, role_of, shut_out
from hanfleet.store.principals import SystemPrincipal
from hanfleet.store.roles import RoleNames, new_bot_role, new_password, scram_verifier

_TIMEOUT_S = 10.0
# Connections are made for one call each, so this holds for all of it.
_NAME_PRINCIPAL = """
    SELECT set_config('hanfleet.principal', $1, false), set_config('hanfleet.request_id', $2, false)"""
_PRINCIPAL = SystemPrincipal("provisioner")
_ROTATED = "UPDATE bot_roles SET rotated_at = clock_timestamp() WHERE bot_id = $1"

_HAS_SETTINGS = """
    SELECT count(*) = 1 AND bool_and(setdatabase = 0 AND setconfig = $2::text[])
    FROM pg_db_role_setting WHERE setrole = $1::text::regrole"""

# What a role may set it may also lift: that is for accidents, not for attackers. What only we may set holds.
_SETTINGS = {
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
    # A worker beats every two seconds. One whose network swallowed its connection can log in again only when the server
    # has given the old one up.
    "idle_session_timeout": "10s",
    "work_mem": "4MB",
    "jit": "off",
    # A worker repeats a dozen statements on partitioned tables: planning each anew takes longer than running it.
    "plan_cache_mode": "force_generic_plan",
    "temp_file_limit": "64MB",
    # An error quotes what it is about, megabytes if need be: a disk full of that, and what people wrote in the log.
    "log_min_messages": "fatal",
}


@dataclass(frozen=True)
class BotLogin:
    """How a worker logs in; ``url`` holds the password."""

    role_name: str
    url: str = field(repr=False)


class Provisioner:
    """``url`` is the provisioner role's; each call has a connection of its own, for calls are rare.

    ``sessions`` is how many a bot may have at once. A worker has one: with two, a captured bot could keep both
    processors of a small machine busy, until somebody sees it.
    """

    def __init__(self, url: str, *, sessions: int = 1) -> None:
        self._url = make_url(url)
        self._sessions = sessions

    async def create_bot_role(self, bot_id: str) -> str:
        """Make the bot's role, closed to log-ins, and give its name; an existing one stays. Raises NotFoundError."""
        async with self._connection() as connection:
            return await _ensure_role(connection, bot_id)

    async def rotate(self, bot_id: str) -> BotLogin:
        """Shut out whoever is logged in as the bot, then let in who holds the new password; makes a missing role.

        Raises NotFoundError for an unknown bot, StoreUnavailableError when sessions of the old password will not end.
        """
        async with self._connection() as connection:
            role = await _ensure_role(connection, bot_id)
            await shut_out(connection, role)
            password = new_password()

            async def change_lock() -> None:
                await _set_anew(connection, role)
                await connection.execute(f"ALTER ROLE {role} PASSWORD '{scram_verifier(password)}'")

            async def let_in() -> None:
                await connection.execute(_ROTATED, bot_id)
                await connection.execute(f"ALTER ROLE {role} LOGIN CONNECTION LIMIT {self._sessions}")

            # One after the other: the server reads the password when a log-in begins, and whether the role may log in
            # when it ends. Who came past the old password began before rotated_at, and the supervisor's watch ends it.
            await change_role(connection, role, change_lock)
            await change_role(connection, role, let_in)
        url = self._url.set(username=role, password=password)
        return BotLogin(role, url.render_as_string(hide_password=False))

    async def fence(self, bot_id: str) -> None:
        """Shut out whoever is logged in as the bot, until the next `rotate`. Nothing happens where there is no role."""
        async with self._connection() as connection:
            await fence(connection, bot_id)

    async def drop_bot_role(self, bot_id: str) -> None:
        """Remove the bot's role for good; call this before the bot's rows are erased. None there is fine."""
        async with self._connection() as connection:
            role = await role_of(connection, bot_id)
            if role is None:
                return

            async def drop() -> None:
                await connection.execute("DELETE FROM bot_roles WHERE bot_id = $1", bot_id)
                # It owns nothing, but may have default privileges of its own, which would keep it from going.
                await connection.execute(f"GRANT {role} TO CURRENT_USER WITH INHERIT TRUE")
                await connection.execute(f"DROP OWNED BY {role}")
                await connection.execute(f"DROP ROLE {role}")

            await shut_out(connection, role)
            await change_role(connection, role, drop)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        with translated(None):
            connection = await connect(self._url, "hanfleet provisioner", timeout_s=_TIMEOUT_S)
            try:
                await connection.execute(_NAME_PRINCIPAL, _PRINCIPAL.setting, str(request_id() or ""))
                yield connection
            finally:
                await connection.close(timeout=_TIMEOUT_S)


async def _ensure_role(connection: Any, bot_id: str) -> str:
    role = await role_of(connection, bot_id)
    if role is not None:
        return role
    install_id = await connection.fetchval("SELECT install_id FROM installation")
    role = new_bot_role(install_id)
    try:
        async with connection.transaction():
            # The row first: it decides between two who try this at the same time.
            await connection.execute("INSERT INTO bot_roles (bot_id, role_name) VALUES ($1, $2)", bot_id, role)
            await connection.execute(
                f"CREATE ROLE {role} NOLOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
            )
            await connection.execute(
                f"GRANT {RoleNames.of(install_id).bots} TO {role} WITH INHERIT TRUE, SET FALSE, ADMIN FALSE"
            )
            await _set_anew(connection, role)
    except ForeignKeyViolationError as missing:
        raise NotFoundError(f"There is no bot {bot_id!r} to make a database role for: add the bot first.") from missing
    except UniqueViolationError:
        return await _ensure_role(connection, bot_id)
    return role


async def _set_anew(connection: Any, role: str) -> None:
    """Give the role its settings: it may change most of them for itself, and a new start has to heal that."""
    # Compared over there: a value of its own may have any number of megabytes.
    wanted = [f"{name}={value}" for name, value in _SETTINGS.items()]
    if await connection.fetchval(_HAS_SETTINGS, role, wanted):
        return
    await connection.execute(f"ALTER ROLE {role} RESET ALL")
    database = await connection.fetchval("SELECT quote_ident(current_database())")
    await connection.execute(f"ALTER ROLE {role} IN DATABASE {database} RESET ALL")
    for name, value in _SETTINGS.items():
        await connection.execute(f"ALTER ROLE {role} SET {name} = '{value}'")
