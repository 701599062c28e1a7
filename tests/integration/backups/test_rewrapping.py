"""A change of the master key, seen from the backups."""

import pytest

from hanfleet.control.backups import Library, create, rewrap, verify
from hanfleet.core.errors import ConflictError, PermanentError
from hanfleet.kit.clock import SystemClock
from hanfleet.vault import MasterKey
from tests.integration.backups.fleet import MASTER
from tests.support.database import Database

NEW = MasterKey(b"n" * 32)


async def test_all_backups_follow_and_twice_is_once(database: Database, library: Library) -> None:
    made = [await create(database.urls.owner, MASTER, library, SystemClock(), release="1") for _ in range(2)]
    foreign = await create(database.urls.owner, MasterKey(b"f" * 32), library, SystemClock(), release="1")
    folders = [library.folder(one.contents.id) for one in made]

    assert rewrap(library.path, MASTER, NEW) == 2
    for folder in folders:
        verify(folder, NEW)
        with pytest.raises(PermanentError, match="does not open"):
            verify(folder, MASTER)
    assert rewrap(library.path, MASTER, NEW) == 0
    verify(library.folder(foreign.contents.id), MasterKey(b"f" * 32))


def test_not_while_somebody_writes_there(library: Library) -> None:
    with library.lock(), pytest.raises(ConflictError, match="Another command works on the backups"):
        rewrap(library.path, MASTER, NEW)
    assert rewrap(library.path / "none", MASTER, NEW) == 0
