"""The backup commands' way to a home's backups and, where they need it, to its database.

Making one takes the database as it is, running fleet or none; restoring takes the home for itself. Looking needs
neither.
"""

import os
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path

from hanfleet.app.erasure_ledger import BACKUPS_FOLDER, ledger_of
from hanfleet.app.folders import make_folder
from hanfleet.app.home import Home, is_home
from hanfleet.app.home_database import administrator_url, passwords_of
from hanfleet.app.master_key import current_key
from hanfleet.app.master_key_check import master_key_of
from hanfleet.app.settings import Settings
from hanfleet.control.backups import Library, Listed, Manifest, Progress, Restored, create, listed, restore, verify
from hanfleet.control.backups.reading import MisnamedBackupError, claimed_id
from hanfleet.control.backups.restoring import check
from hanfleet.core.errors import InvalidInputError, NotFoundError, PermanentError
from hanfleet.kit.clock import SystemClock
from hanfleet.store.admin import bootstrap
from hanfleet.store.ledger import FILE as LEDGER_FILE
from hanfleet.store.ledger import Ledger
from hanfleet.vault import MasterKey


def library_of(home: Home) -> Library:
    """The folder of the home's backups, made when missing."""
    folder = home.path / BACKUPS_FOLDER
    make_folder(folder, 0o700)
    return Library(folder)


async def create_backup(settings: Settings, bot_id: str | None, progress: Progress) -> tuple[Manifest, Path]:
    """Back up the fleet of the home, or one bot, and give the manifest and the folder."""
    home = Home.existing(settings.home)
    library = library_of(home)
    async with AsyncExitStack() as exits:
        exits.enter_context(library.lock())
        url = await administrator_url(home, settings, exits)
        # Whatever schema there is: a backup comes before an upgrade.
        installation = await bootstrap(url, passwords_of(home), schema="leave")
        manifest = await create(
            installation.urls.owner,
            MasterKey(current_key(home, settings)),
            library,
            SystemClock(),
            release=version("hanfleet"),
            bot_id=bot_id,
            progress=progress,
        )
    return manifest, library.folder(manifest.contents.id)


def list_backups(settings: Settings) -> list[Listed]:
    """What the home has, oldest first."""
    return listed(library_of(Home.existing(settings.home)))


def verify_backup(settings: Settings, wanted: str | None, key_file: Path | None, progress: Progress) -> Manifest:
    """Read all of a backup (default: the newest). Raises DamagedBackupError with the first bad place."""
    home = Home.existing(settings.home)
    library = library_of(home)
    with library.lock(shared=True):
        folder = _folder(library, wanted)
        return verify(
            folder, MasterKey.load(key_file) if key_file else MasterKey(current_key(home, settings)), progress
        )


async def restore_backup(
    settings: Settings,
    wanted: str,
    *,
    key_file: Path | None,
    erasure_key: Path | None,
    bot_id: str | None,
    start: bool,
    progress: Progress,
) -> Restored:
    """Restore a backup of the home, or one that lies elsewhere (``wanted`` is a path then), into the home's database.

    ``key_file`` holds the master key of the fleet that made it, when that is another; ``erasure_key`` the key of the
    ledger of erasures that lies beside such a backup. Raises ConflictError while a fleet runs on the home. A home that
    is not there is made once the backup was found and read.
    """
    place = Home.place(settings.home)
    library = Library(place / BACKUPS_FOLDER)
    folder = _folder(library, wanted)
    beside = _ledger_beside(folder, library, erasure_key)
    made_under = MasterKey.load(key_file) if key_file else None
    check(folder, bot_id, made_under)
    if made_under is None and settings.master_key is None and not is_home(place):
        raise PermanentError(
            f"{place} is a new home, and backup {folder.name} opens only with the master key of the home that made it:"
            " name the key file with --master-key."
        )
    home = Home.open(settings.home)
    async with AsyncExitStack() as exits:
        exits.enter_context(library_of(home).lock(shared=True))
        ledgers = [ledger_of(home), *beside]
        url = await administrator_url(home, settings, exits, alone=True)
        installation = await bootstrap(url, passwords_of(home))
        return await restore(
            installation.urls.owner,
            folder,
            await master_key_of(home, settings, installation.urls.owner),
            SystemClock(),
            ledgers,
            made_under=made_under,
            bot_id=bot_id,
            start=start,
            progress=progress,
        )


def _ledger_beside(folder: Path, library: Library, erasure_key: Path | None) -> list[Ledger]:
    """Who was erased from the fleet that made a backup must not come back in another one."""
    beside = folder.parent / LEDGER_FILE
    if folder.parent == library.path:
        return []
    if not beside.exists():
        if erasure_key is not None:
            raise InvalidInputError(
                f"--erasure-key opens who was erased from that fleet, and there is no {beside}: copy it there from the"
                " folder that the backup was in, or leave the option out, and whoever was erased since comes back."
            )
        return []
    if erasure_key is None:
        raise InvalidInputError(
            f"{beside} names who was erased from that fleet and must stay so: name its key, the erasure.key of that"
            " fleet's home, with --erasure-key."
        )
    ledger = Ledger.open(folder.parent, erasure_key)
    ledger.entries()  # refused now, while nothing has been made
    return [ledger]


def _folder(library: Library, wanted: str | None) -> Path:
    if wanted is None:
        ids = library.ids()
        if not ids:
            raise NotFoundError(f"There is no backup in {library.path}: make one with hanfleet backup create.")
        return library.folder(ids[-1])
    is_path = os.sep in wanted
    if is_path:
        elsewhere = Path(wanted).expanduser().resolve()
        library, wanted = Library(elsewhere.parent), elsewhere.name
    try:
        return library.folder(wanted)
    except NotFoundError:
        folder = library.path / wanted
        if (claimed := claimed_id(folder)) is not None:
            raise MisnamedBackupError(folder, claimed) from None
        if is_path:
            raise NotFoundError(
                f"{folder} is not the folder of a backup: name one that is, such as"
                " /mnt/backups/20260131T030000Z-daily, or the id of a backup in this home (hanfleet backup list)."
            ) from None
        raise
