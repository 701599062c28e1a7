"""Whether the database's schema is the one that this release was written for. Refuses to move it: see `migrate`."""

from sqlalchemy import text

from hanfleet.core.errors import ConflictError
from hanfleet.store.connection import Connection
from hanfleet.store.migrations import HEAD, REVISIONS

_REVISION = text("SELECT version_num FROM alembic_version")


class Schema:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def check(self) -> None:
        """Once at the start of each process: raises ConflictError with a sentence for any schema but this release's."""
        refuse_foreign(await self._connection.value(_REVISION))


def refuse_foreign(revision: str | None) -> None:
    """Raise ConflictError, with what to do, unless ``revision`` is the newest one that this release knows."""
    refuse_newer(revision)
    if revision != HEAD:
        raise ConflictError(
            f"The database's schema is at revision {revision or 'none'}, which is older than this release needs"
            f" ({HEAD}): make a backup (hanfleet backup create), then run hanfleet db upgrade."
        )


def refuse_newer(revision: str | None) -> None:
    """Raise ConflictError for a schema that a newer release made: nothing here knows what stands in it."""
    if revision is not None and revision not in REVISIONS:
        raise ConflictError(
            f"The database's schema is at revision {revision}, which is newer than this release knows ({HEAD}):"
            " install the newer release, or go back to a backup."
        )
