"""What is said of a manifest that is not as it was written: what is wrong with it, and where."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hanfleet.control.backups.manifest import FILE, Contents, DamagedBackupError, Manifest, spelt
from hanfleet.control.backups.reading import read
from hanfleet.core.errors import PermanentError
from hanfleet.vault import MasterKey
from hanfleet.vault.backup_key import BackupKey

ID = "20260131T030000Z-daily"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    contents = Contents(
        format=1,
        id=ID,
        bot_id=None,
        begun_at=datetime(2026, 1, 31, 3, tzinfo=UTC),
        release="1",
        install_id="x",
        revision="0007",
        bots=("вера",),
        parts=(),
        partitions=(),
        sequences={},
    )
    master = MasterKey(b"m" * 32)
    folder = tmp_path / ID
    folder.mkdir()
    Manifest.of(contents, BackupKey.new(ID), master).save(folder)
    assert read(folder).contents == contents
    return folder


def damaged(folder: Path, raw: bytes) -> str:
    (folder / FILE).write_bytes(raw)
    with pytest.raises(DamagedBackupError) as found:
        read(folder)
    return str(found.value).removeprefix(f"Backup {ID} is damaged: ").partition(". Use")[0]


def changed(folder: Path, *, checksum: bool = True, **fields: Any) -> bytes:
    """The manifest with other contents and, unless it is left as it was, a checksum that fits."""
    document = json.loads((folder / FILE).read_bytes())
    document["contents"] |= fields
    old = document.pop("checksum")
    return spelt(document | {"checksum": hashlib.sha256(spelt(document)).hexdigest() if checksum else old}) + b"\n"


def test_the_place_of_damage_is_told(folder: Path) -> None:
    raw = (folder / FILE).read_bytes()
    assert damaged(folder, raw[:-3]) == f"manifest.json at byte {len(raw) - 3}: it is no JSON"
    in_name = raw.index("вера".encode())
    assert damaged(folder, raw[:in_name] + b"\xff" + raw[in_name + 1 :]) == (
        f"manifest.json at byte {in_name}: it is no UTF-8"
    )
    after = raw.index(b"]", in_name)
    assert damaged(folder, raw[:after] + b"}" + raw[after + 1 :]).startswith(f"manifest.json at byte {after}: ")
    assert damaged(folder, b"[]") == "manifest.json at byte 0: it is no JSON object"
    assert damaged(folder, raw.replace(b'"rele', b'"rule')).endswith("its field contents.release is missing")
    assert damaged(folder, raw.replace(b'"tag": "', b'"tag": "x')).endswith("its field tag is not as it was")
    assert damaged(folder, raw + b" ").startswith(f"manifest.json at byte {len(raw)}: it is spelt in another way")


def test_a_changed_value_is_told_by_the_checksum(folder: Path) -> None:
    other = changed(folder, checksum=False, release="2")
    assert damaged(folder, other) == "manifest.json: its checksum does not match: it was changed"


def test_a_newer_form_and_another_name_are_told_as_such(folder: Path) -> None:
    (folder / FILE).write_bytes(changed(folder, format=2, news=[]))
    with pytest.raises(PermanentError, match="was made by a newer release"):
        read(folder)


def test_a_renamed_folder_is_told_its_name(folder: Path) -> None:
    renamed = folder.rename(folder.with_name("20260201T030000Z-daily"))
    with pytest.raises(PermanentError, match=rf"must carry its id: rename it to {ID}\.$"):
        read(renamed)
