"""What is not as it was written is named, and never restored."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanfleet.control.backups import Library, create, listed, restore, verify
from hanfleet.control.backups.manifest import DamagedBackupError
from hanfleet.core.errors import ConflictError, PermanentError
from hanfleet.kit.clock import SystemClock
from hanfleet.store import migrate
from hanfleet.store.migrations import HEAD
from hanfleet.vault import MasterKey
from hanfleet.vault.sealed_stream import CHUNK_BYTES
from tests.integration.backups.fleet import MASTER, contents, fill
from tests.support.database import Database

CLOCK = SystemClock()
SEALED_BYTES = CHUNK_BYTES + 16


@pytest.fixture
async def folder(database: Database, library: Library) -> Path:
    """A backup of a fleet with one bot."""
    await fill(database, "anna")
    made = await create(database.urls.owner, MASTER, library, CLOCK, release="1")
    return library.folder(made.contents.id)


def test_a_flipped_bit_anywhere_is_named(folder: Path) -> None:
    files = sorted(folder.iterdir())

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def flipped(data: st.DataObject) -> None:
        file = data.draw(st.sampled_from(files))
        whole = file.read_bytes()
        place = data.draw(st.integers(0, len(whole) - 1))
        damaged = bytearray(whole)
        damaged[place] ^= 1 << data.draw(st.integers(0, 7))
        file.write_bytes(damaged)
        try:
            with pytest.raises(DamagedBackupError) as found:
                verify(folder, MASTER)
        finally:
            file.write_bytes(whole)
        assert found.value.part == file.name
        if file.suffix == ".part":
            begin = place // SEALED_BYTES * SEALED_BYTES
            assert found.value.offset == begin
            assert f"{file.name} in the 64 KiB from byte {begin}: changed." in str(found.value)

    flipped()
    assert verify(folder, MASTER)


def test_a_part_that_is_cut_missing_or_swapped_is_named(folder: Path, library: Library) -> None:
    messages, turns = folder / "messages.part", folder / "turns.part"
    whole, other = messages.read_bytes(), turns.read_bytes()
    for broken in (b"", whole[:-1], whole[:20], whole[: len(whole) // 2], whole + b"\x00", whole + whole, other):
        messages.write_bytes(broken)
        length = (
            f"it is cut short, to {len(broken)} of {len(whole)} bytes"
            if len(broken) < len(whole)
            else f"it is too long: {len(broken)} bytes, and {len(whole)} were written"
        )
        with pytest.raises(DamagedBackupError, match=rf"messages\.part: {length}\."):
            verify(folder, MASTER)
        assert listed(library)[0].problem == "messages.part has not the length that it was written with."
    messages.unlink()
    with pytest.raises(DamagedBackupError, match=r"messages\.part: it is missing"):
        verify(folder, MASTER)
    assert listed(library)[0].problem == "messages.part is missing."


@pytest.mark.parametrize("name", ["messages.part", "manifest.json"])
def test_a_pipe_in_place_of_a_file_is_named_and_not_waited_on(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(DamagedBackupError, match=rf"{name}: it is no regular file"):
        verify(folder, MASTER)


def test_what_was_not_written_with_it_is_named(folder: Path) -> None:
    (folder / ".manifest.json").touch()
    verify(folder, MASTER)
    (folder / "notes.part").touch()
    with pytest.raises(DamagedBackupError, match=r"notes\.part: it does not belong there"):
        verify(folder, MASTER)


async def test_a_part_of_another_backup_does_not_fit(folder: Path, library: Library, database: Database) -> None:
    second = await create(database.urls.owner, MASTER, library, CLOCK, release="1")
    shutil.copy(library.folder(second.contents.id) / "turns.part", folder / "turns.part")
    with pytest.raises(DamagedBackupError, match=r"turns\.part in the 64 KiB from byte 0: changed"):
        verify(folder, MASTER)


def test_a_manifest_from_another_hand_is_refused(folder: Path) -> None:
    """Somebody who can write files, and compute a checksum, but has no key."""
    from hanfleet.control.backups.reading import read

    true = read(folder)
    true.model_copy(update={"contents": true.contents.model_copy(update={"sequences": {"s": 1}})}).save(folder)
    with pytest.raises(DamagedBackupError, match="rewritten by somebody without the key"):
        verify(folder, MASTER)


async def test_damage_far_inside_leaves_the_database_as_it_was(folder: Path, elsewhere: Database) -> None:
    before = await contents(elsewhere)
    part = folder / "imported.part"  # one of the last
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(DamagedBackupError, match=r"imported\.part"):
        await restore(elsewhere.urls.owner, folder, MASTER, CLOCK, [])
    assert await contents(elsewhere) == before
    assert await migrate.current(elsewhere.urls.owner) == HEAD


async def test_another_master_key_is_told_what_to_do(folder: Path, elsewhere: Database) -> None:
    wrong = MasterKey(b"w" * 32)
    with pytest.raises(PermanentError, match="does not open with this master key: name the key file"):
        await restore(elsewhere.urls.owner, folder, wrong, CLOCK, [])
    with pytest.raises(PermanentError, match="does not open with this master key"):
        verify(folder, wrong)


async def test_bots_are_never_overwritten(folder: Path, database: Database) -> None:
    before = await contents(database)
    for bot_id in (None, "anna"):
        with pytest.raises(ConflictError, match="anna"):
            await restore(database.urls.owner, folder, MASTER, CLOCK, [], bot_id=bot_id)
    with pytest.raises(PermanentError, match="holds no bot boris; it holds: anna"):
        await restore(database.urls.owner, folder, MASTER, CLOCK, [], bot_id="boris")
    assert await contents(database) == before


async def test_a_fleet_that_works_there_is_in_the_way(folder: Path, elsewhere: Database) -> None:
    await elsewhere.add_bot("vera")
    with pytest.raises(ConflictError, match=r"A fleet works on this database, or did just now \(bot:vera\)"):
        await restore(elsewhere.urls.owner, folder, MASTER, CLOCK, [], bot_id="anna")


def test_a_killed_backup_is_none_and_the_next_one_tidies_up(database: Database, library: Library) -> None:
    command = [sys.executable, "-c", f"from {__name__} import killed_create; killed_create()"]
    environ = {**os.environ, "OWNER_URL": database.urls.owner, "LIBRARY": str(library.path)}
    killed = subprocess.run(command, cwd=Path(__file__).parents[3], env=environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [entry.name[:12] for entry in library.path.iterdir() if entry.is_dir()] == [".unfinished-"]
    assert listed(library) == []
    with library.draft("20260101T000000Z-fleet"):
        pass
    assert [entry.name for entry in library.path.iterdir() if entry.is_dir()] == ["20260101T000000Z-fleet"]


def killed_create() -> NoReturn:
    """In a process of its own: SIGKILL as the last part is being written."""
    import asyncio

    def progress(done: int, total: int, part: str, size: int) -> None:
        if done == total - 1:
            os.kill(os.getpid(), signal.SIGKILL)

    library = Library(Path(os.environ["LIBRARY"]))
    asyncio.run(create(os.environ["OWNER_URL"], MASTER, library, CLOCK, release="1", progress=progress))
    raise AssertionError("nobody killed it")
