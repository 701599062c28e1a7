"""`hanfleet import-legacy`'s workbench: the home's database as its owner, and the key that seals secrets.

Refuses a dry run: that needs no database (see control.legacy.survey).
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from hanfleet.app.erasure_ledger import BACKUPS_FOLDER, ledger_of
from hanfleet.app.home import Home
from hanfleet.app.home_database import administrator_url, passwords_of
from hanfleet.app.master_key_check import opened_by
from hanfleet.app.settings import Settings
from hanfleet.kit.clock import SystemClock
from hanfleet.store.admin import bootstrap
from hanfleet.store.ledger import FILE
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
async def open_workbench(settings: Settings, *, may_make_home: bool = False) -> AsyncIterator[Workbench]:
    """The home's database, ready. Raises PermanentError and TemporaryError with what to do."""
    home = (Home.open if may_make_home else Home.existing)(settings.home)
    async with AsyncExitStack() as exits:
        url = await administrator_url(home, settings, exits)
        installation = await bootstrap(url, passwords_of(home))
        clock = SystemClock()
        store = Store(
            installation.urls.owner,
            clock=clock,
            application_name="hanfleet import",
            pool_size=1,
            statement_timeout_s=_STATEMENT_TIMEOUT_S,
        )
        exits.push_async_callback(store.close)
        yield Workbench(store, await opened_by(home, settings, store), clock)


def erased_of(settings: Settings, bot_id: str) -> Callable[[int], bool]:
    """Whether the home's ledger of erasures names a chat of the bot: such a contact must not come back.

    Whatever the ledger says of the time: an old folder knows the contact from before. Makes no ledger where there is
    none. Raises PermanentError for one that cannot be trusted.
    """
    if not os.path.exists(Home.place(settings.home) / BACKUPS_FOLDER / FILE):  # noqa: PTH110 - no home yet, as a rule
        return lambda _chat_id: False
    ledger = ledger_of(Home.existing(settings.home))
    named = {entry.mark for entry in ledger.entries()}
    return lambda chat_id: ledger.contact_mark(bot_id, chat_id) in named
