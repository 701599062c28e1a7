"""Making a backup of the whole fleet or of one bot, while it runs.

Written into a draft, which becomes a backup by a rename after everything is on the disk: a command that is killed
leaves nothing that looks like one. Refuses to write into anything but the library.
"""

import json

from hanfleet.control.backups.library import Library
from hanfleet.control.backups.manifest import DATA_KEYS, FORMAT, Contents, Manifest, Part
from hanfleet.control.backups.parts import PartWriter
from hanfleet.control.backups.progress import Progress, Steps, silent
from hanfleet.core.backup_ids import backup_id
from hanfleet.kit.clock import Clock
from hanfleet.store.catalogue import Table
from hanfleet.store.snapshot import Snapshot, snapshot
from hanfleet.vault import MasterKey
from hanfleet.vault.backup_key import BackupKey


async def create(
    owner_url: str,
    master_key: MasterKey,
    library: Library,
    clock: Clock,
    *,
    release: str,
    bot_id: str | None = None,
    daily: bool = False,
    progress: Progress = silent,
) -> Manifest:
    """One consistent moment of everything, or of ``bot_id``, as a backup in ``library``.

    Call it under the library's lock, with the master key as it is under that lock. Raises NotFoundError for an unknown
    bot, PermanentError for a disk that is full or data keys that the master key does not open.
    """
    begun_at = clock.now()
    name = library.free_id(backup_id(begun_at, bot_id, daily=daily))
    key = BackupKey.new(name)
    async with snapshot(owner_url, bot_id) as moment:
        with library.draft(name) as draft:
            steps = Steps(progress, len(moment.state.tables) + 1)
            parts = [await _data_keys(moment, master_key, PartWriter(draft, DATA_KEYS, key, steps))]
            parts += [
                await _rows(moment, table, PartWriter(draft, table.name, key, steps)) for table in moment.state.tables
            ]
            steps.end()
            contents = Contents(
                format=FORMAT,
                id=name,
                bot_id=bot_id,
                begun_at=begun_at,
                release=release,
                install_id=moment.state.install_id,
                revision=moment.state.revision,
                bots=tuple(await moment.bots()),
                parts=tuple(parts),
                partitions=tuple(moment.state.partitions),
                sequences=moment.state.sequences,
            )
            manifest = Manifest.of(contents, key, master_key)
            manifest.save(draft)
    return manifest


async def _rows(moment: Snapshot, table: Table, writer: PartWriter) -> Part:
    with writer:
        rows = await moment.copy(table, writer.feed)
        return writer.done(rows, table.columns)


async def _data_keys(moment: Snapshot, master_key: MasterKey, writer: PartWriter) -> Part:
    """The data keys themselves, sealed like every part: the master key that wraps their rows may be gone one day."""
    keys = [
        {"bot_id": key.bot_id, "key_id": key.key_id, "key": master_key.unwrap(key.bot_id, key.wrapped).hex()}
        for key in await moment.data_keys()
    ]
    with writer:
        await writer.feed(json.dumps(keys).encode())
        return writer.done(len(keys))
