from datetime import UTC, datetime
from pathlib import Path

import pytest

from hanfleet.app.audit_heads import HeadsFile
from hanfleet.core.audit import ChainHead, ExportedHead
from tests.support.full_disk import room_for

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
FLEET, ANNA = ChainHead("fleet", 3, b"abc"), ChainHead("bot:anna", 7, b"xyz")


@pytest.fixture
def file(tmp_path: Path) -> HeadsFile:
    return HeadsFile(tmp_path / "audit" / "heads.jsonl", makes_folder=True)


def test_what_is_written_is_read(file: HeadsFile) -> None:
    assert file.read() == ([], [])
    file.append([FLEET], NOON)
    file.append([ANNA], NOON)
    assert file.read() == ([ExportedHead(FLEET, NOON), ExportedHead(ANNA, NOON)], [])


def test_nobody_else_can_read_it(file: HeadsFile) -> None:
    file.append([FLEET], NOON)
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700


def test_nothing_to_write_makes_no_file(file: HeadsFile) -> None:
    file.append([], NOON)
    assert not file.path.exists()


def test_lines_are_only_added_also_behind_a_torn_one(file: HeadsFile) -> None:
    file.append([FLEET], NOON)
    whole = file.path.read_bytes()
    file.path.write_bytes(whole + b'{"chain": "fl')
    file.append([ANNA], NOON)
    assert file.path.read_bytes().startswith(whole + b'{"chain": "fl\n')
    assert file.read() == ([ExportedHead(FLEET, NOON), ExportedHead(ANNA, NOON)], [2])


def test_a_full_disk_is_told_and_leaves_the_file_as_it_was(file: HeadsFile) -> None:
    file.append([FLEET], NOON)
    with room_for(40, file.path), pytest.raises(OSError, match="too large"):
        file.append([ANNA], NOON)
    assert file.read() == ([ExportedHead(FLEET, NOON)], [])
    file.append([ANNA], NOON)
    assert file.read() == ([ExportedHead(FLEET, NOON), ExportedHead(ANNA, NOON)], [])


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"null",
        b"7",
        b"\xff",
        b'{"chain": "x", "seq": 0, "hash": "00", "exported_at": "2026-05-04T12:00:00+00:00"}',
        b'{"chain": "x", "seq": 1e999, "hash": "00", "exported_at": "2026-05-04T12:00:00+00:00"}',
        b'{"chain": "x", "seq": 1, "hash": "zz", "exported_at": "2026-05-04T12:00:00+00:00"}',
    ],
)
def test_what_is_no_head_is_named(file: HeadsFile, line: bytes) -> None:
    file.append([FLEET], NOON)
    with file.path.open("ab") as opened:
        opened.write(line + b"\n\n")
    assert file.read() == ([ExportedHead(FLEET, NOON)], [2])


def test_a_link_is_not_followed(file: HeadsFile, tmp_path: Path) -> None:
    file.path.parent.mkdir()
    file.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        file.append([FLEET], NOON)


def test_a_copy_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        HeadsFile(tmp_path / "unmounted" / "heads.jsonl").append([FLEET], NOON)
    assert not (tmp_path / "unmounted").exists()
