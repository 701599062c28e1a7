"""The ledger of erasures as a file: kept whole, bound to its key, and silent about who is in it."""

import json
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hanfleet.core.errors import PermanentError, TemporaryError
from hanfleet.store.ledger import Entry, Ledger
from tests.support.full_disk import room_for

NOON = datetime(2026, 5, 5, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path / "backups", tmp_path / "erasure.key")


def test_what_was_added_is_there_for_the_next_who_opens_it(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.entries() == []
    entries = [Entry(ledger.contact_mark("mira", 124651738), NOON), Entry(ledger.bot_mark("mira"), NOON)]
    for entry in (*entries, entries[0]):
        ledger.append(entry)
    again = Ledger.open(tmp_path / "backups", tmp_path / "erasure.key")
    assert again.entries() == entries
    assert again.contact_mark("mira", 124651738) == entries[0].mark


def test_it_does_not_say_who_that_is(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(Entry(ledger.contact_mark("mira", 124651738), NOON))
    text = ledger.path.read_text()
    assert "124651738" not in text
    assert "mira" not in text
    other = Ledger.open(tmp_path / "other", tmp_path / "other.key")
    assert other.contact_mark("mira", 124651738) != ledger.contact_mark("mira", 124651738)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (ledger.path, tmp_path / "erasure.key")} == {0o600}


def test_marks_of_different_things_differ(ledger: Ledger) -> None:
    marks = {
        ledger.contact_mark("mira", 12),
        ledger.contact_mark("mira1", 2),
        ledger.contact_mark("mira", 1),
        ledger.bot_mark("mira"),
        ledger.bot_mark("mira1"),
    }
    assert len(marks) == 5


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_was_cut_off_counts_for_nothing(ledger: Ledger, cut: int) -> None:
    first, second = (Entry(ledger.contact_mark("mira", chat_id), NOON) for chat_id in (1, 2))
    ledger.append(first)
    whole = ledger.path.read_bytes()
    ledger.append(second)
    ledger.path.write_bytes(ledger.path.read_bytes()[: len(whole) + cut])
    assert ledger.entries() == [first]
    ledger.append(second)
    assert ledger.entries() == [first, second]


def test_a_first_line_that_was_cut_off_is_written_anew(ledger: Ledger) -> None:
    ledger.path.parent.mkdir()
    ledger.path.write_text('{"version": 1, "ke')
    assert ledger.entries() == []
    entry = Entry(ledger.bot_mark("mira"), NOON)
    ledger.append(entry)
    assert ledger.entries() == [entry]


@pytest.mark.parametrize("room", [0, 1, 70, 100])
def test_a_line_for_which_there_is_no_room_is_refused(ledger: Ledger, room: int) -> None:
    first, second = (Entry(ledger.contact_mark("mira", chat_id), NOON) for chat_id in (1, 2))
    ledger.append(first)
    whole = ledger.path.read_bytes()
    with room_for(room, ledger.path), pytest.raises(TemporaryError, match=r"erased\.jsonl cannot be written \(.*room"):
        ledger.append(second)
    assert ledger.path.read_bytes() == whole
    ledger.append(second)
    assert ledger.entries() == [first, second]


def test_a_damaged_line_is_named(ledger: Ledger) -> None:
    for chat_id in (1, 2, 3):
        ledger.append(Entry(ledger.contact_mark("mira", chat_id), NOON))
    lines = ledger.path.read_text().splitlines(keepends=True)
    ledger.path.write_text("".join([*lines[:2], lines[2].replace("mark", "work"), *lines[3:]]))
    with pytest.raises(PermanentError, match=r"Line 3 of .*erased.jsonl is damaged"):
        ledger.entries()


def test_no_flipped_bit_makes_it_name_somebody_else(ledger: Ledger) -> None:
    entries = [Entry(ledger.contact_mark("mira", chat_id), NOON) for chat_id in (1, 2, 3)]
    for entry in entries:
        ledger.append(entry)
    whole = ledger.path.read_bytes()
    begin, end = (sum(map(len, whole.splitlines(keepends=True)[:lines])) for lines in (2, 3))
    for place in range(begin, end):
        for bit in range(7):
            ledger.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            with suppress(PermanentError):
                assert ledger.entries() == entries  # as where a digit of a mark is only written large


def test_lines_from_before_there_was_a_check_count(ledger: Ledger) -> None:
    entries = [Entry(ledger.contact_mark("mira", chat_id), NOON) for chat_id in (1, 2)]
    for entry in entries:
        ledger.append(entry)
    head, first, second = ledger.path.read_text().splitlines()
    old = {name: value for name, value in json.loads(first).items() if name != "check"}
    ledger.path.write_text("\n".join([head, json.dumps(old), second, ""]))
    assert ledger.entries() == entries


def test_another_key_is_refused(ledger: Ledger) -> None:
    ledger.append(Entry(ledger.bot_mark("mira"), NOON))
    with pytest.raises(PermanentError, match="written with another erasure key"):
        Ledger(ledger.path, bytes(32)).entries()


def test_a_key_that_is_lost_is_not_made_anew(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(Entry(ledger.bot_mark("mira"), NOON))
    (tmp_path / "erasure.key").unlink()
    with pytest.raises(PermanentError, match=r"erasure.key is missing"):
        Ledger.open(tmp_path / "backups", tmp_path / "erasure.key")


@pytest.mark.parametrize(("mode", "text", "sentence"), [(0o640, "00" * 32, "chmod 600"), (0o600, "secret", "64 hex")])
def test_a_key_that_will_not_serve_is_refused(tmp_path: Path, mode: int, text: str, sentence: str) -> None:
    key = tmp_path / "erasure.key"
    key.write_text(text)
    key.chmod(mode)
    with pytest.raises(PermanentError, match=sentence):
        Ledger.open(tmp_path, key)
