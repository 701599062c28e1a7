import os
from pathlib import Path

import pytest

from hanfleet.kit.disk import sync_folder

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
