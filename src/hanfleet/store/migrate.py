"""Moving the schema up and down, as the owner role. Alembic is imported only when there is something to move."""

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from hanfleet.core.errors import PermanentError
from hanfleet.store.addresses import driver_url
from hanfleet.store.faults import translated
from hanfleet.store.migrations import HEAD, REVISIONS

_FOLDER = Path(__file__).parent / "migrations"


async def upgrade(owner_url: str, target: str = HEAD) -> bool:
    """Bring the schema to ``target``; False: it stood there. Raises PermanentError for one newer than this."""
    return await _move(owner_url, target)


async def downgrade(owner_url: str, target: str = "base") -> bool:
    """Take the schema back to ``target``. What only newer schemas can hold is lost."""
    return await _move(owner_url, target)


async def current(owner_url: str) -> str | None:
    """The schema's revision; None: there is none yet. Unknown revisions are refused with a sentence."""
    engine = create_async_engine(driver_url(owner_url), poolclass=NullPool)
    try:
        with translated(None):
            async with engine.connect() as connection:
                return await connection.run_sync(_current)
    finally:
        await engine.dispose()


async def _move(owner_url: str, target: str) -> bool:
    engine = create_async_engine(driver_url(owner_url), poolclass=NullPool)
    try:
        with translated(None):
            async with engine.begin() as connection:
                return await connection.run_sync(_move_over, target)
    finally:
        await engine.dispose()


def _current(connection: Connection) -> str | None:
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision is not None and revision not in REVISIONS:
        raise PermanentError(
            f"The database's schema is at revision {revision}, which is newer than this release knows ({HEAD}):"
            " install the newer release, or go back to a backup."
        )
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
