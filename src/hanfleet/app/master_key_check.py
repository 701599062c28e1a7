"""Whether a home's master key is the one that its database needs. Apart from `master_key`, for it loads the store."""

from hanfleet.app.home import Home
from hanfleet.app.master_key import FoundKeys, find_keys, make_key, refuse_while_replaced
from hanfleet.app.settings import Settings
from hanfleet.control.master_keys import check_opens, rewrap
from hanfleet.kit.clock import SystemClock
from hanfleet.store.principals import SystemPrincipal
from hanfleet.store.session import Store
from hanfleet.vault import MasterKey

_KEEPER = SystemPrincipal("keys")


async def use_successor(store: Store, found: FoundKeys) -> None:
    """Check that every bot's key opens, and wrap it by the upcoming master key where there is one.

    ``store`` is the owner role's. Raises PermanentError: the key is missing, or another.
    """
    async with store.transaction(_KEEPER) as tx:
        await check_opens(tx, found.masters, found.place)
        if found.upcoming is not None and found.current is not None:
            await rewrap(tx, MasterKey(found.current), MasterKey(found.upcoming))


async def opened_by(home: Home, settings: Settings, store: Store) -> MasterKey:
    """The master key for a command beside a fleet or without one. Raises ConflictError while it is being replaced."""
    found = find_keys(home, settings)
    refuse_while_replaced(found)
    async with store.transaction(_KEEPER) as tx:
        await check_opens(tx, found.masters, found.place)
    return MasterKey(make_key(home) if found.current is None else found.current)


async def master_key_of(home: Home, settings: Settings, owner_url: str) -> MasterKey:
    """`opened_by` for who has no store yet."""
    store = Store(owner_url, clock=SystemClock(), application_name="hanfleet keys")
    try:
        return await opened_by(home, settings, store)
    finally:
        await store.close()
