"""How the owner role logs in to a database that stands, for whoever looks at it as it is.

Reads two rows as the administrator and changes nothing. Refuses to prepare a database (see `admin`) or to move its
schema (see `migrate`).
"""

from asyncpg.exceptions import InvalidCatalogNameError

from hanfleet.core.errors import NotFoundError
from hanfleet.store.addresses import connect
from hanfleet.store.admin import database_url
from hanfleet.store.faults import translated
from hanfleet.store.migrate import revision_of
from hanfleet.store.roles import RoleNames
from hanfleet.store.schema import refuse_foreign

NOTHING_THERE = "There is no schema in this home's database yet, so there is nothing to read: hanfleet up makes one."


async def owner_url(admin_url: str, password: str) -> str:
    """The URL of the owner role, with its ``password``.

    Raises NotFoundError for a database without a schema, ConflictError for a schema of another release.
    """
    url = database_url(admin_url)
    with translated(None):
        try:
            connection = await connect(url, "hanfleet owner")
        except InvalidCatalogNameError:
            raise NotFoundError(NOTHING_THERE) from None
        try:
            revision = await revision_of(connection)
            if revision is None:
                raise NotFoundError(NOTHING_THERE)
            refuse_foreign(revision)
            install_id = await connection.fetchval("SELECT install_id FROM installation")
        finally:
            await connection.close(timeout=10)
    owner = url.set(username=RoleNames.of(install_id).owner, password=password)
    return owner.render_as_string(hide_password=False)
