"""`hanfleet audit verify` and `export`: on the home's database as its owner, whether a fleet runs or not."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hanfleet.app.audit_heads import HeadsExport, HeadsFile
from hanfleet.app.home import Home
from hanfleet.app.legacy_import import open_workbench
from hanfleet.app.settings import Settings
from hanfleet.control.verification import AUDITOR, Verification, verify
from hanfleet.core.errors import InvalidInputError


@dataclass(frozen=True)
class Verified:
    """What came of it, and what it was compared with: ``exported`` heads, ``unreadable`` lines left out."""

    verification: Verification
    exported: int
    unreadable: int


@dataclass(frozen=True)
class Exported:
    """Where heads were written, and how many had moved."""

    path: Path
    moved: int


async def verify_trail(settings: Settings, copies: Iterable[Path], progress: Callable[[int], None]) -> Verified:
    """Verify against the home's own file of heads and ``copies`` of it. Raises InvalidInputError for no such copy."""
    exported, unreadable = HeadsFile(Home.existing(settings.home).audit_heads).read()
    for copy in copies:
        if not copy.is_file():
            raise InvalidInputError(f"There is no file {copy}: name a copy that hanfleet audit export made.")
        more, bad = HeadsFile(copy).read()
        exported += more
        unreadable += bad
    async with open_workbench(settings) as bench:
        return Verified(await verify(bench.store, exported, progress), len(exported), unreadable)


async def export_heads(settings: Settings, copy: Path | None) -> Exported:
    """Bring the home's file of heads, or ``copy`` in its place, up to date."""
    path = copy or Home.existing(settings.home).audit_heads
    try:
        async with open_workbench(settings) as bench:
            moved = await HeadsExport(bench.store, AUDITOR, HeadsFile(path), bench.clock).once()
    except OSError as refused:
        raise InvalidInputError(f"{path} cannot be written: {refused.strerror}.") from refused
    return Exported(path, moved)
