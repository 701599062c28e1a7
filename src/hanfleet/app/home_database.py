"""The database of a home for commands: no fleet has to run, and one that runs goes on.

Where no fleet holds the home, its embedded PostgreSQL runs for as long as the command does; otherwise the running one
is used. Refuses, when asked to, to touch the database beside a fleet.
"""

from contextlib import AsyncExitStack

from hanfleet.app.embedded import EmbeddedPostgres
from hanfleet.app.home import CommandAtWorkError, Home
from hanfleet.app.settings import Settings
from hanfleet.app.up import SERVICE_ROLES
from hanfleet.core.errors import ConflictError
from hanfleet.store.admin import ServicePasswords


async def administrator_url(home: Home, settings: Settings, exits: AsyncExitStack, *, alone: bool = False) -> str:
    """How the database's administrator logs in, until ``exits`` close.

    ``alone`` raises ConflictError while a fleet runs on the home; else the home is held only when nobody does. Raises
    CommandAtWorkError while another command holds it.
    """
    given = settings.database_url.get_secret_value() if settings.database_url else None
    if given is not None and not alone:
        return given
    holds = _hold(home, exits, alone=alone)
    if given is not None:
        return given
    postgres = EmbeddedPostgres(home, bots=settings.max_bots)
    if holds:
        exits.push_async_callback(postgres.stop)
        await postgres.start()
    return postgres.url


def passwords_of(home: Home) -> ServicePasswords:
    """Those of the service roles; made on first use."""
    return ServicePasswords(**{role: home.secrets.get_or_make(f"database.{role}") for role in SERVICE_ROLES})


def has_database(home: Home, settings: Settings) -> bool:
    """Whether there can be anything to look at: a server was named, or our own has been started before."""
    return settings.database_url is not None or EmbeddedPostgres(home).data.exists()


def _hold(home: Home, exits: AsyncExitStack, *, alone: bool) -> bool:
    try:
        exits.enter_context(home.lock(command=True))
    except CommandAtWorkError:
        raise
    except ConflictError:
        if alone:
            raise
        return False
    return True
