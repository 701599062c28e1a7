"""Database URLs as people write them, turned into what the drivers take."""

from typing import Any

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import URL, make_url


def driver_url(url: str | URL) -> URL:
    """``postgresql://user:password@/name?host=/socket/dir`` or ``…@host:port/name`` for SQLAlchemy's engine."""
    return make_url(url).set(drivername="postgresql+asyncpg")


def connect_arguments(url: str | URL, application_name: str) -> dict[str, Any]:
    """The same for ``asyncpg.connect``."""
    dialect: Any = PGDialect_asyncpg
    _, arguments = dialect().create_connect_args(driver_url(url))
    return {**arguments, "server_settings": {"application_name": application_name}}
