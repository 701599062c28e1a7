import os
from pathlib import Path

import pytest

from hanfleet.kit.disk import append_whole, sync_folder
from tests.support.full_disk import room_for

OPEN = Path("/proc/self/fd")


def test_the_folder_itself_is_synced_and_left_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append((OPEN / str(descriptor)).readlink()))
    before = {entry.name for entry in OPEN.iterdir()}
    sync_folder(tmp_path)
    assert synced == [tmp_path]
    assert {entry.name for entry in OPEN.iterdir()} == before


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(NotADirectoryError):
        sync_folder(file)


def test_what_the_disk_takes_in_pieces_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    with (tmp_path / "file").open("ab") as file:
        append_whole(file.fileno(), b"one and ")
        append_whole(file.fileno(), b"another")
    assert (tmp_path / "file").read_bytes() == b"one and another"


@pytest.mark.parametrize("room", range(7))
def test_half_of_it_is_taken_back(tmp_path: Path, room: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one and ")
    with path.open("ab") as file:
        with room_for(room, path), pytest.raises(OSError, match="too large"):
            append_whole(file.fileno(), b"another")
        assert path.read_bytes() == b"one and "
        append_whole(file.fileno(), b"another")
    assert path.read_bytes() == b"one and another"
