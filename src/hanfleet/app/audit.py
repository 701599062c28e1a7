"""`hanfleet audit verify` and `export`: on the home's database as its owner, whether a fleet runs or not.

The database is evidence: it is opened as it stands, with no master key (which may be gone by then) and no bootstrap.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hanfleet.app.audit_heads import HeadsExport, HeadsFile
from hanfleet.app.home import Home
from hanfleet.app.home_database import administrator_url, has_database
from hanfleet.app.settings import Settings
from hanfleet.control.verification import AUDITOR, Verification, verify
from hanfleet.core.audit import ExportedHead
from hanfleet.core.errors import InvalidInputError, NotFoundError, PermanentError
from hanfleet.kit.clock import SystemClock
from hanfleet.store.owner import NOTHING_THERE, owner_url
from hanfleet.store.session import Store

# A page of a trail of years, on a disk that has other work.
_STATEMENT_TIMEOUT_S = 600.0
_OWNER_PASSWORD = "database.owner"  # noqa: S105 - a name, not a password


@dataclass(frozen=True)
class Verified:
    """What came of it, and what it was compared with: ``exported`` heads; ``unreadable`` lines are left out."""

    verification: Verification
    exported: int
    unreadable: tuple[str, ...]  # file:number


@dataclass(frozen=True)
class Exported:
    """Where heads were written, and how many had moved."""

    path: Path
    moved: int


async def verify_trail(settings: Settings, copies: Iterable[Path], progress: Callable[[int], None]) -> Verified:
    """Verify against the home's own file of heads and ``copies`` of it.

    Raises InvalidInputError for a copy that is not there, or in which no head can be read.
    """
    own = Home.existing(settings.home).audit_heads
    exported: list[ExportedHead] = []
    unreadable: list[str] = []
    for path in (own, *copies):
        if path is not own and not path.is_file():
            raise InvalidInputError(f"There is no file {path}: name a copy that hanfleet audit export made.")
        heads, bad_lines = HeadsFile(path).read()
        if path is not own and not heads:
            raise InvalidInputError(
                f"No exported head can be read in {path}, so it proves nothing: name a copy that hanfleet audit export"
                " made."
            )
        exported += heads
        unreadable += [f"{path}:{number}" for number in bad_lines]
    async with _evidence(settings) as store:
        return Verified(await verify(store, exported, progress), len(exported), tuple(unreadable))


async def export_heads(settings: Settings, copy: Path | None) -> Exported:
    """Bring the home's file of heads, or ``copy`` in its place, up to date. Raises InvalidInputError for no folder."""
    home = Home.existing(settings.home)
    path = home.audit_heads if copy is None else copy
    if copy is not None and not copy.parent.is_dir():
        raise InvalidInputError(
            f"There is no folder {copy.parent}: mount the disk that it is on, or make it, then export again. Nothing"
            " was written."
        )
    try:
        async with _evidence(settings) as store:
            file = HeadsFile(path, makes_folder=copy is None)
            moved = await HeadsExport(store, AUDITOR, file, SystemClock()).once()
    except OSError as refused:
        raise InvalidInputError(f"{path} cannot be written: {refused.strerror}.") from refused
    return Exported(path, moved)


@asynccontextmanager
async def _evidence(settings: Settings) -> AsyncIterator[Store]:
    """The owner's store of a database that stands. Raises NotFoundError, ConflictError, PermanentError for others."""
    home = Home.existing(settings.home)
    if not has_database(home, settings):
        raise NotFoundError(NOTHING_THERE)
    password = home.secrets.get(_OWNER_PASSWORD)
    if password is None:
        raise PermanentError(
            f"{home.path}/secrets.json does not hold the password of the database's owner role: put it back from a copy"
            " of this home."
        )
    async with AsyncExitStack() as exits:
        url = await owner_url(await administrator_url(home, settings, exits), password)
        store = Store(
            url, clock=SystemClock(), application_name="hanfleet audit", statement_timeout_s=_STATEMENT_TIMEOUT_S
        )
        exits.push_async_callback(store.close)
        yield store
