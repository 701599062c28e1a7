"""Files as they are found: whole, cut, empty, joined, in other encodings."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanfleet.control.legacy.documents import DocumentReader, decode
from hanfleet.control.legacy.oddities import Oddities
from tests.support.legacy import message, write


def load(folder: Path, content: str | bytes) -> tuple[list[object], Oddities]:
    oddities = Oddities()
    path = write(folder / "file.json", content)
    return DocumentReader(folder, oddities).load(path), oddities


def reasons(oddities: Oddities) -> list[str]:
    return list(oddities.by_reason())


def test_a_sound_file_is_read_without_a_word(tmp_path: Path) -> None:
    documents, oddities = load(tmp_path, '{"a": [1, "é"]}')
    assert documents == [{"a": [1, "é"]}]
    assert oddities.entries == []


@given(cut=st.integers(0, 400))
def test_of_a_cut_list_every_whole_record_is_taken(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    whole = [message(number, "привет") for number in range(5)]
    raw = json.dumps(whole, ensure_ascii=False).encode()
    cut = min(cut, len(raw) - 1)
    documents, oddities = load(tmp_path_factory.mktemp("cut"), raw[:cut])
    expected = [
        one
        for number, one in enumerate(whole)
        if len(json.dumps(whole[: number + 1], ensure_ascii=False).encode()) - 1 <= cut
    ]
    assert documents == ([expected] if cut else [])
    assert oddities.entries
    assert json.loads(oddities.as_json())[0]["file"] == "file.json"


def test_of_a_cut_object_every_whole_record_is_taken(tmp_path: Path) -> None:
    documents, oddities = load(tmp_path, '{"girls": {"1": {"name": "Ann"}, "2": {"name": "Be')
    assert documents == [{"girls": {"1": {"name": "Ann"}, "2": {}}}]
    assert '\\"Be"' in oddities.entries[0].reason


@pytest.mark.parametrize("content", ["", "  \n", "\x00" * 512])
def test_an_empty_file_is_reported(tmp_path: Path, content: str) -> None:
    documents, oddities = load(tmp_path, content)
    assert documents == []
    assert len(oddities.entries) == 1


def test_two_documents_in_one_file_are_both_read(tmp_path: Path) -> None:
    documents, oddities = load(tmp_path, "[1][2] oops")
    assert documents == [[1], [2]]
    assert reasons(oddities) == ["broken JSON", "more than one document in one file"]


def test_of_keys_that_stand_twice_both_are_kept(tmp_path: Path) -> None:
    documents, oddities = load(tmp_path, '{"20250601104112": "a", "20250601104112": "b", "name": "old", "name": "new"}')
    assert documents == [{"20250601104112": "a", "20250601104112~2": "b", "name~2": "old", "name": "new"}]
    assert [entry.record for entry in oddities.entries] == ["20250601104112", "name"]


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 5_000, "[" + "9" * 5000 + "]"])
def test_what_would_break_a_reader_is_reported(tmp_path: Path, content: str) -> None:
    _documents, oddities = load(tmp_path, content)
    assert "broken JSON" in reasons(oddities)


@pytest.mark.parametrize(
    ("raw", "text", "odd"),
    [
        ("ё".encode(), "ё", ""),
        ("\ufeffё".encode(), "ё", "wrong encoding: a byte order mark before UTF-8"),
        ("привет".encode("cp1251"), "привет", "wrong encoding: Windows-1251"),
        ("ё".encode("utf-16"), "ё", "wrong encoding: UTF-16"),
        ("ёё".encode()[:-1], "ё", "cut within a character"),
        ("ёё".encode() + b"\xff" + b"!!!", "ёё\udcff!!!", "wrong encoding: 1 bytes are no UTF-8"),
    ],
)
def test_encodings(raw: bytes, text: str, odd: str) -> None:
    assert decode(raw) == (text, odd)


@given(st.binary(max_size=60))
def test_any_bytes_become_a_text(raw: bytes) -> None:
    decode(raw)
