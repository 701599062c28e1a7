"""`hanfleet import-legacy`'s way to the database: no fleet has to run, and one that runs goes on.

Where no fleet holds the home, its embedded PostgreSQL runs for as long as this does; otherwise the running one is
used. Refuses a dry run: that needs no database (see control.legacy.survey).
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from hanfleet.app.embedded import EmbeddedPostgres
from hanfleet.app.home import Home
from hanfleet.app.settings import Settings
from hanfleet.app.up import SERVICE_ROLES
from hanfleet.core.errors import ConflictError
from hanfleet.kit.clock import SystemClock
from hanfleet.store.admin import ServicePasswords, bootstrap
from hanfleet.store.session import Store
from hanfleet.vault import MasterKey

# Taking back a chat of a million messages is one statement.
_STATEMENT_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Workbench:
    """The owner's store and what seals secrets."""

    store: Store
    master_key: MasterKey
    clock: SystemClock


@asynccontextmanager
async def open_workbench(settings: Settings) -> AsyncIterator[Workbench]:
    """The home's database, ready and up to date. Raises PermanentError and TemporaryError with what to do."""
    home = Home.open(settings.home)
    async with AsyncExitStack() as exits:
        url = settings.database_url.get_secret_value() if settings.database_url else None
        if url is None:
            postgres = EmbeddedPostgres(home, bots=settings.max_bots)
            if _alone(home, exits):
                exits.push_async_callback(postgres.stop)
                await postgres.start()
            url = postgres.url
        passwords = {role: home.secrets.get_or_make(f"database.{role}") for role in SERVICE_ROLES}
        installation = await bootstrap(url, ServicePasswords(**passwords))
        clock = SystemClock()
        store = Store(
            installation.urls.owner,
            clock=clock,
            application_name="hanfleet import",
            pool_size=1,
            statement_timeout_s=_STATEMENT_TIMEOUT_S,
        )
        exits.push_async_callback(store.close)
        yield Workbench(store, MasterKey.load(home.master_key), clock)


def _alone(home: Home, exits: AsyncExitStack) -> bool:
    """Hold the home until the end; False: a fleet does."""
    try:
        exits.enter_context(home.lock())
    except ConflictError:
        return False
    return True
