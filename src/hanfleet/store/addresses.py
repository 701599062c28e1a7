"""Database URLs as people write them, turned into what the drivers take, and the driver's own connections."""

from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import URL, make_url


def driver_url(url: str | URL) -> URL:
    """``postgresql://user:password@/name?host=/socket/dir`` or ``…@host:port/name`` for SQLAlchemy's engine."""
    return make_url(url).set(drivername="postgresql+asyncpg")


def session_settings(application_name: str) -> dict[str, str]:
    """What every connection of the product says at its log-in, where no setting of its role or database undoes it.

    Names mean what stands in public: neither a schema that somebody put in front nor a temporary table.
    """
    return {"application_name": application_name, "search_path": "public, pg_temp"}


async def connect(url: str | URL, application_name: str, *, timeout_s: float = 10.0) -> Any:
    """A plain connection, for what needs no repositories: listening, roles, databases.

    ``timeout_s`` bounds the log-in and each statement. Raises what asyncpg and the socket raise: see `faults`.
    """
    dialect: Any = PGDialect_asyncpg
    _, arguments = dialect().create_connect_args(driver_url(url))
    return await asyncpg.connect(  # type: ignore[no-untyped-call]
        **arguments,
        server_settings=session_settings(application_name),
        timeout=timeout_s,
        command_timeout=timeout_s,
    )
