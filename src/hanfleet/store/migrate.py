"""Moving the schema up and down, as the owner role. Alembic is imported only when there is something to move.

Each move is one transaction, however many steps it has: it arrives or nothing has changed. Refuses to move while
somebody else of the installation is connected: a process that lives on would meet a schema that it does not know.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from asyncpg.exceptions import InvalidCatalogNameError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool
from sqlalchemy.util import greenlet_spawn

from hanfleet.core.errors import ConflictError, InvalidInputError
from hanfleet.store.addresses import connect, driver_url, session_settings
from hanfleet.store.faults import translated
from hanfleet.store.losses import Loss, losses, take_stock
from hanfleet.store.migrations import HEAD, REVISIONS
from hanfleet.store.schema import refuse_newer

T = TypeVar("T")
_FOLDER = Path(__file__).parent / "migrations"
_STANDS = "SELECT to_regclass('public.alembic_version') IS NOT NULL"
_REVISION = "SELECT version_num FROM alembic_version"
# Whoever may log in by a role of this installation; bots' roles have names of the same form.
_OTHERS = text("""
    SELECT string_agg(DISTINCT application_name, ', ' ORDER BY application_name) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND starts_with(usename, 'hf_' || (SELECT install_id FROM installation) || '_')""")


class _NotMeantError(Exception):
    """Raised to roll a rehearsal back."""


async def standing(url: str) -> str | None:
    """The revision of the database's schema, known here or not; None: there is none, or no database."""
    with translated(None):
        try:
            connection = await connect(url, "hanfleet db")
        except InvalidCatalogNameError:
            return None
        try:
            return await revision_of(connection)
        finally:
            await connection.close(timeout=10)


async def revision_of(connection: Any) -> str | None:
    """The same, over a plain connection."""
    if not await connection.fetchval(_STANDS):
        return None
    revision: str | None = await connection.fetchval(_REVISION)
    return revision


async def current(owner_url: str) -> str | None:
    """The same, but raises ConflictError with a sentence for a schema that is newer than this release."""
    revision = await standing(owner_url)
    refuse_newer(revision)
    return revision


async def upgrade(owner_url: str, target: str = HEAD, *, alone: bool = False) -> bool:
    """Bring the schema to ``target``; False: it stood there. Raises ConflictError for one newer than this release.

    ``alone``: refuse while others are connected.
    """

    def move(connection: Connection) -> bool:
        if alone:
            _refuse_company(connection)
        return _move_over(connection, target)

    return await _in_transaction(owner_url, move)


async def downgrade(owner_url: str, target: str = "base") -> bool:
    """Take the schema back to ``target``. What only newer schemas can hold is lost."""
    return await _in_transaction(owner_url, lambda connection: _move_over(connection, target))


async def step_back(owner_url: str, target: str, *, only_tell: bool) -> list[Loss]:
    """Take the schema back to ``target`` and tell what is lost; ``only_tell`` changes nothing.

    Raises InvalidInputError for a target that is no earlier revision, ConflictError while others are connected.
    """
    found: list[Loss] = []

    def move(connection: Connection) -> None:
        revision = _current(connection)
        earlier = REVISIONS[: REVISIONS.index(revision)] if revision else ()
        if target not in earlier:
            raise InvalidInputError(
                f"The schema is at revision {revision or 'none'} and cannot go back to {target}:"
                f" choose one of {', '.join(earlier) or 'none'}."
            )
        _refuse_company(connection)
        before = take_stock(connection)
        _move_over(connection, target)
        found.extend(losses(before, take_stock(connection)))
        if only_tell:
            raise _NotMeantError

    with suppress(_NotMeantError):
        await _in_transaction(owner_url, move)
    return found


async def _in_transaction(owner_url: str, move: Callable[[Connection], T]) -> T:
    engine = create_engine(
        driver_url(owner_url),
        poolclass=NullPool,
        connect_args={"server_settings": session_settings("hanfleet db")},
    )

    def work() -> T:
        with engine.begin() as connection:
            return move(connection)

    with translated(None):
        return await greenlet_spawn(work)


def move_within(connection: Connection, target: str) -> bool:
    """Move the schema inside the caller's transaction; False: it stood there."""
    return _move_over(connection, target)


def _refuse_company(connection: Connection) -> None:
    others = connection.execute(_OTHERS).scalar()
    if others:
        raise ConflictError(
            f"A fleet is connected to this database ({others}): stop it, or whatever that is, then try again."
        )


def _current(connection: Connection) -> str | None:
    if not connection.execute(text(_STANDS)).scalar():
        return None
    revision: str | None = connection.execute(text(_REVISION)).scalar()
    refuse_newer(revision)
    return revision


def _move_over(connection: Connection, target: str) -> bool:
    revision = _current(connection)
    if target == (revision or "base"):
        return False
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    going_up = target != "base" and (revision is None or REVISIONS.index(target) > REVISIONS.index(revision))
    (command.upgrade if going_up else command.downgrade)(config, target)
    return True
