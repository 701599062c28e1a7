"""Putting a backup back: a whole fleet into a database without bots, or one bot into a fleet that has none of that id.

One transaction: it arrives whole or nothing has changed. Bots come back stopped, unless the caller says otherwise: if
the fleet that was backed up still lives, two programs would use one Telegram session, and Telegram revokes such a one.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hanfleet.control.backups.manifest import DATA_KEYS, Contents, DamagedBackupError, Part
from hanfleet.control.backups.parts import PartReader
from hanfleet.control.backups.progress import Progress, Steps, silent
from hanfleet.control.backups.reading import read
from hanfleet.control.erasure import Ledger, apply_ledger
from hanfleet.core.errors import ConflictError, NotFoundError, PermanentError
from hanfleet.kit.clock import Clock
from hanfleet.store.ledger import Entry
from hanfleet.store.migrations import HEAD, REVISIONS
from hanfleet.store.restoration import Restoration, restoration
from hanfleet.store.snapshot import WrappedKey
from hanfleet.vault import MasterKey
from hanfleet.vault.backup_key import BackupKey


@dataclass(frozen=True)
class Restored:
    """What came back, and whom the ledgers of erasures took out again."""

    bots: tuple[str, ...]
    rows: int
    erased_contacts: int = 0
    erased_bots: int = 0


def check(folder: Path, bot_id: str | None, made_under: MasterKey | None) -> None:
    """Raise what `restore` would, as far as that can be told before there is a database."""
    manifest = read(folder)
    if made_under is not None:
        manifest.key(made_under)
    _scope(manifest.contents, bot_id)


async def restore(
    owner_url: str,
    folder: Path,
    master_key: MasterKey,
    clock: Clock,
    ledgers: Sequence[Ledger],
    *,
    made_under: MasterKey | None = None,
    bot_id: str | None = None,
    start: bool = False,
    progress: Progress = silent,
) -> Restored:
    """Restore the backup in ``folder``, or ``bot_id`` out of it, into a fleet with ``master_key``.

    Whoever is named in ``ledgers`` stays erased; the first is this fleet's own and gets a line for each one whom
    another took out. ``made_under`` is the master key of the fleet that made it (default: the same). ``start`` leaves
    bots wanted running that were. Raises DamagedBackupError; NotFoundError for a bot that
    is not in it; ConflictError for a database that has such bots already, for a fleet that works on it, for a schema
    that does not fit and for a bot that was erased since.
    """
    manifest = read(folder)
    contents = manifest.contents
    key = manifest.key(made_under or master_key)
    only_bot = _scope(contents, bot_id)
    async with restoration(owner_url, clock) as database:
        _refuse_crowd(contents.id, only_bot, await database.bots())
        if contents.revision != HEAD:
            await database.move_schema(contents.revision)
        parts = await _parts_for(database, contents, only_bot)
        await database.prepare([part.table for part in parts], empty=only_bot is None)
        if only_bot is None:
            # Beside other bots the default partition may hold rows of such a month already; there one bot's go too.
            await database.make_partitions(contents.partitions)
        steps = Steps(progress, len(parts) + 1)
        data_keys = _data_keys(folder, contents, key, steps)
        rows = 0
        for part in parts:
            rows += await _load(database, PartReader(folder, part, key, steps), part, only_bot)
        bots = (only_bot,) if only_bot else contents.bots
        await _wrap_data_keys(database, data_keys, bots, master_key)
        await database.settle(bots, start=start)
        await database.finish(contents.sequences if only_bot is None else {})
        if contents.revision != HEAD:
            await database.move_schema(HEAD)
        await database.let_keys_be_known(bots)
        await database.date_sessions(bots)
        restored = await _erase(database, ledgers, Restored(bots, rows), only_bot)
        await database.note(contents.id, only_bot, asdict(restored) | {"begun_at": contents.begun_at.isoformat()})
        steps.end()
    return restored


async def _load(database: Restoration, reader: PartReader, part: Part, only_bot: str | None) -> int:
    """Put the rows of one part into its table and give how many they are."""
    read_rows, added = await database.load(part.table, reader.rows_for_store(), only_bot=only_bot)
    if read_rows != part.rows:
        raise reader.damaged(f"{read_rows} rows instead of {part.rows}")
    return added


async def _erase(
    database: Restoration, ledgers: Sequence[Ledger], restored: Restored, only_bot: str | None
) -> Restored:
    contacts = bots = 0
    inherited: list[Entry] = []
    for ledger in ledgers:
        heir = ledgers[0] if ledger is not ledgers[0] else None
        applied = await apply_ledger(database.transaction, ledger, heir=heir)
        contacts += applied.contacts
        bots += applied.bots
        inherited += applied.inherited
    left = await database.bots()
    if only_bot is not None and only_bot not in left:
        raise ConflictError(f"Bot {only_bot} was erased after this backup was made, and stays so.")
    # Before the commit, as at any erasure; after the last thing that is refused.
    for entry in inherited:
        ledgers[0].append(entry)
    return Restored(tuple(bot_id for bot_id in restored.bots if bot_id in left), restored.rows, contacts, bots)


def _scope(contents: Contents, bot_id: str | None) -> str | None:
    """The one bot to restore; None: everything."""
    if contents.revision not in REVISIONS:
        raise ConflictError(
            f"Backup {contents.id} is of schema {contents.revision}, which is newer than this release knows ({HEAD}):"
            " install the release that made it."
        )
    if bot_id is not None and bot_id not in contents.bots:
        raise NotFoundError(
            f"Backup {contents.id} holds no bot {bot_id}; it holds: {', '.join(contents.bots) or 'no bots'}."
        )
    only_bot = bot_id or contents.bot_id
    if only_bot is not None and contents.revision != HEAD:
        raise ConflictError(
            f"Backup {contents.id} is of schema {contents.revision}, and a single bot fits only {HEAD}: restore a whole"
            " backup into a new home, which brings it up to date, and back up the bot there."
        )
    return only_bot


def _refuse_crowd(backup_id: str, only_bot: str | None, there: set[str]) -> None:
    if only_bot is not None and only_bot in there:
        raise ConflictError(
            f"There is a bot {only_bot} already, and none is ever overwritten: restore into another home with --home."
        )
    if only_bot is None and there:
        raise ConflictError(
            f"This fleet has bots ({', '.join(sorted(there))}), and a whole backup needs one without: restore one bot"
            f" with hanfleet backup restore {backup_id} --bot ID, or restore into another home with --home."
        )


async def _parts_for(database: Restoration, contents: Contents, only_bot: str | None) -> list[Part]:
    """The tables to load, in an order in which what is referenced comes first."""
    if only_bot is None:
        return list(contents.tables)
    of_bots = await database.tables_of_bot()
    return [part for part in contents.tables if part.name in of_bots]


def _data_keys(folder: Path, contents: Contents, key: BackupKey, steps: Steps) -> dict[tuple[str, str | int], bytes]:
    """The bots' data keys by bot and number."""
    for part in contents.parts:
        if part.name == DATA_KEYS:
            keys = json.loads(PartReader(folder, part, key, steps).whole())
            return {(one["bot_id"], one["key_id"]): bytes.fromhex(one["key"]) for one in keys}
    raise DamagedBackupError(contents.id, DATA_KEYS, "it is not in the manifest")


async def _wrap_data_keys(
    database: Restoration, keys: dict[tuple[str, str | int], bytes], bots: tuple[str, ...], master_key: MasterKey
) -> None:
    """Wrap those with this fleet's master key that are wrapped with another one."""
    for wrapped in await database.data_keys(bots):
        key = keys[wrapped.bot_id, wrapped.key_id]
        if not _opens(master_key, wrapped, key):
            anew = master_key.wrap(wrapped.bot_id, key)
            await database.set_data_key(WrappedKey(wrapped.bot_id, wrapped.key_id, anew))


def _opens(master_key: MasterKey, wrapped: WrappedKey, key: bytes) -> bool:
    try:
        return master_key.unwrap(wrapped.bot_id, wrapped.wrapped) == key
    except PermanentError:
        return False
