"""`hanfleet keys`: replacing data keys and the master key of a home, and telling where they stand.

Data keys are replaced beside a running fleet, which restarts each bot once. The master key is not: the fleet's parts
hold it in memory, and one that wraps a new bot's key by the old one would lose that bot.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from hanfleet.app.home import Home
from hanfleet.app.home_database import administrator_url, passwords_of
from hanfleet.app.master_key import FoundKeys, begin_file, find_keys, finish_file, new_key_of, rewrap_backups
from hanfleet.app.master_key_check import opened_by
from hanfleet.app.settings import Settings
from hanfleet.control.data_keys import Checkpoint, DataKeys, Rotated
from hanfleet.control.master_keys import check_opens, rewrap
from hanfleet.control.sealing import seals_texts
from hanfleet.core.errors import ConflictError, NotFoundError, PermanentError
from hanfleet.kit.clock import SystemClock
from hanfleet.store.admin import bootstrap
from hanfleet.store.leases import SUPERVISOR_LEASE
from hanfleet.store.principals import SystemPrincipal
from hanfleet.store.provisioner import Provisioner
from hanfleet.store.sealed_values import PLACES
from hanfleet.store.session import Store, Transaction
from hanfleet.vault import MasterKey
from hanfleet.vault.cipher import prefix_of

_KEEPER = SystemPrincipal("keys")
# Counting the sealed texts of a bot reads all of them.
_STATEMENT_TIMEOUT_S = 600.0
_RESTART_WITHIN_S = 90.0


@dataclass(frozen=True)
class MasterRotated:
    """Names of the old and the new master key, and how many data keys were wrapped anew by this call."""

    before: str
    after: str
    rewrapped: int
    from_environment: bool


@dataclass(frozen=True)
class BotKeys:
    """``key`` seals; ``retiring`` are older ones that ``old_values`` values still name."""

    bot_id: str
    key: int
    made_at: datetime
    retiring: tuple[int, ...]
    values: int
    old_values: int
    seals_texts: bool


@dataclass(frozen=True)
class KeysStatus:
    """``master`` None: it is missing, and ``place`` is its file. ``being_replaced``: a rotation has not ended.

    ``refused``: the sentence that a fleet would be refused with, because the master key is not the right one.
    """

    master: str | None
    place: str
    being_replaced: bool
    refused: str | None = None
    bots: tuple[BotKeys, ...] = field(default=())


def _pass_by(_step: str) -> None:
    """Nobody looks."""


async def rotate_data(
    settings: Settings,
    bot_id: str | None,
    tell: Callable[[Rotated, int, int], None],
    checkpoint: Checkpoint = _pass_by,
) -> list[Rotated]:
    """New data keys for one bot or for all, one after the other; ``tell`` hears of each (result, done, in all).

    Raises NotFoundError for an unknown bot, PermanentError for a master key that is not the right one.
    """
    home = Home.existing(settings.home)
    async with _database(home, settings) as (store, provisioner):
        master = await opened_by(home, settings, store)
        leads, bots = await store.run(_KEEPER, _look)
        if bot_id is not None and bot_id not in bots:
            raise NotFoundError(
                f"There is no bot {bot_id} with a data key: hanfleet keys status shows those there are."
            )
        patience_s = _RESTART_WITHIN_S if leads else 0.0
        keys = DataKeys(store, master, provisioner.fence, SystemClock(), patience_s=patience_s, checkpoint=checkpoint)
        chosen = bots if bot_id is None else [bot_id]
        results = []
        for done, one in enumerate(chosen, 1):
            rotated = await keys.rotate(one)
            if rotated is not None:  # else it was erased meanwhile
                results.append(rotated)
                tell(rotated, done, len(chosen))
        return results


async def rotate_master(settings: Settings, checkpoint: Checkpoint = _pass_by) -> MasterRotated:
    """Put a new master key in the old one's place, or bring to its end what was begun before.

    Raises ConflictError while a fleet runs, InvalidInputError when the key comes from the environment and the new one
    does not, PermanentError when the old one is missing or another.
    """
    home = Home.existing(settings.home)
    try:
        async with _database(home, settings, alone=True) as (store, _):
            await store.run(_KEEPER, _refuse_beside_a_leader)
            return await _replace_master(home, settings, store, checkpoint)
    except ConflictError as runs:
        raise ConflictError(f"The master key is replaced while no fleet runs. {runs}") from runs


async def _replace_master(home: Home, settings: Settings, store: Store, checkpoint: Checkpoint) -> MasterRotated:
    found = find_keys(home, settings)
    async with store.transaction(_KEEPER) as tx:
        await check_opens(tx, found.masters, found.place)
    if found.current is None:
        raise NotFoundError("This home has no master key yet: hanfleet up makes the first one.")
    checkpoint("before the successor is written")
    upcoming = new_key_of(found) if found.from_environment else begin_file(home)
    old, new = MasterKey(found.current), MasterKey(upcoming)
    checkpoint("before the keys are wrapped")
    async with store.transaction(_KEEPER) as tx:
        rewrapped = await rewrap(tx, old, new)
        checkpoint("before the commit")
    checkpoint("before the backups")
    rewrap_backups(home, replace(found, upcoming=upcoming))
    checkpoint("before the old key goes")
    if not found.from_environment:
        finish_file(home)
    checkpoint("at the end")
    return MasterRotated(old.name, new.name, rewrapped, found.from_environment)


async def keys_status(settings: Settings) -> KeysStatus:
    """Where all keys stand."""
    home = Home.existing(settings.home)
    async with _database(home, settings) as (store, _):
        found = find_keys(home, settings)
        masters = found.masters
        bots = await store.run(_KEEPER, _bots_keys)
        name = masters[0].name if masters else None
        place = found.place if masters else str(home.master_key)
        refused = await _refusal(store, found) if masters else None
        return KeysStatus(name, place, found.upcoming is not None, refused, tuple(bots))


async def _refusal(store: Store, found: FoundKeys) -> str | None:
    try:
        await store.run(_KEEPER, lambda tx: check_opens(tx, found.masters, found.place))
    except PermanentError as other_key:
        return str(other_key)
    return None


async def _refuse_beside_a_leader(tx: Transaction) -> None:
    leads, _ = await _look(tx)
    if leads:
        raise ConflictError("A fleet runs on this database, or did so a moment ago: stop it, then try again.")


async def _bots_keys(tx: Transaction) -> list[BotKeys]:
    of_bot: dict[str, list[tuple[int, datetime]]] = {}
    for key in await tx.keys.all():
        of_bot.setdefault(key.bot_id, []).append((key.number, key.made_at))
    told = []
    for bot_id, keys in of_bot.items():
        (number, made_at), row = keys[-1], await tx.bots.get(bot_id)
        counts = [await tx.sealed.named(bot_id, place, prefix_of(number)) for place in PLACES]
        current, other = (sum(counted) for counted in zip(*counts, strict=True))
        retiring = tuple(old for old, _ in keys[:-1])
        sealing = row is not None and seals_texts(row.config)
        told.append(BotKeys(bot_id, number, made_at, retiring, current + other, other, sealing))
    return told


async def _look(tx: Transaction) -> tuple[bool, list[str]]:
    """Whether a supervisor leads, and the bots that have keys."""
    lease = await tx.leases.get(SUPERVISOR_LEASE)
    return lease is not None and not lease.expired, list(dict.fromkeys(key.bot_id for key in await tx.keys.all()))


@asynccontextmanager
async def _database(home: Home, settings: Settings, *, alone: bool = False) -> AsyncIterator[tuple[Store, Provisioner]]:
    async with AsyncExitStack() as exits:
        url = await administrator_url(home, settings, exits, alone=alone)
        installation = await bootstrap(url, passwords_of(home))
        store = Store(
            installation.urls.owner,
            clock=SystemClock(),
            application_name="hanfleet keys",
            statement_timeout_s=_STATEMENT_TIMEOUT_S,
        )
        exits.push_async_callback(store.close)
        yield store, Provisioner(installation.urls.provisioner)
