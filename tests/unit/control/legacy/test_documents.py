"""Files as they are found: whole, cut, empty, joined, in other encodings."""

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanfleet.control.legacy.documents import DocumentReader, decode
from hanfleet.control.legacy.oddities import Oddities
from tests.support.legacy import message, write


def load(folder: Path, content: str | bytes, *, log: bool = False) -> tuple[list[object], Oddities]:
    oddities = Oddities()
    path = write(folder / "file.json", content)
    return DocumentReader(folder, oddities).load(path, log=log), oddities


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


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrapped", [False, True])
def test_one_broken_record_costs_itself_alone(tmp_path: Path, indent: int | None, wrapped: bool) -> None:
    log = [message(number, f"{number}:{{}}, [{{") for number in range(5_000)]
    raw = json.dumps({"messages": log, "date": "x"} if wrapped else log, indent=indent)
    for number in (0, 2_000, 2_001, 4_998):
        raw = raw.replace(f'"text": "{number}:', f'"text": "{number}:"oh" ')
    oddities = Oddities()
    documents = DocumentReader(tmp_path, oddities).load(write(tmp_path / "conversations/5.json", raw))
    sound = [one for one in log if one["text"].partition(":")[0] not in ("0", "2000", "2001", "4998")]
    assert documents == [{"messages": sound, "date": "x"} if wrapped else sound]
    kept = oddities.unknown["conversations/5.json"]
    assert len(kept) == len(oddities.entries) == 3
    for where, gap in kept.items():
        assert raw[int(where.removeprefix("character ")) :].startswith(gap)
    assert [gap.count('"oh"') for gap in kept.values()] == [1, 2, 1]
    assert oddities.entries[0].reason.startswith(f"broken JSON: {len(next(iter(kept.values())))} characters that")


_FAKE = '{"ts": "1", "direction": "in", "text": "fake"}'


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "broken",
    [
        f'{{"ts": "0", "text": "a"b", "replies": [{_FAKE}, {_FAKE}, {_FAKE}], "direction": "in"}}',
        f'{{"ts": "0", "replies": [{_FAKE}, {_FAKE}], "text": "a"b", "other": [0, {_FAKE}]}}',
        f'{{"ts": "0", "replies": [{_FAKE}, {_FAKE}, {_FAKE[:-6]}"{_FAKE[-6:]}, {_FAKE}], "text": "a"}}',
        f'{{"ts": "0", "replies": [{_FAKE}, {_FAKE}, {_FAKE}, "a"b]}}',
        f'{{"ts": "0", "text": "he said "hi", {{}}, {_FAKE}, {_FAKE} and then", "direction": "in"}}',
        f'{{"ts": "0", "text": "look: [1, {_FAKE}, 2]", "direction": "in"}}',
        '{"ts": "0", "text": "a"b, {\\"ts\\": 1}, {}, [{}, {}]", "direction": "in"}',
        f'{{"ts": "0", "text: "in"}}, {_FAKE[:-9]}',
        '{"ts": "0", "text": "no end}',
        '{"ts": "0", "te\x00\x00\x00\x00"',
        "\x00" * 90,
    ],
)
def test_nothing_within_a_string_or_a_broken_record_is_a_record(
    tmp_path: Path, broken: str, indent: int | None
) -> None:
    log = [message(number, "sound") for number in range(6)]
    for wrapped in (False, True):
        raw = json.dumps({"messages": log} if wrapped else log, indent=indent)
        third = json.dumps(log[3], indent=indent).replace("\n", "\n    " if wrapped else "\n  ")
        assert third in raw
        documents, _ = load(tmp_path, raw.replace(third, broken))
        assert documents == [{"messages": log[:3] + log[4:]} if wrapped else log[:3] + log[4:]]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_damaged_beginning_hides_no_record_behind_it(tmp_path: Path, indent: int | None) -> None:
    log = [message(number, "sound") for number in range(4)]
    raw = json.dumps(log, indent=indent)
    for at in range(1, raw.index('"direction')):
        for damage in ('"', "x", ":", "\x00"):
            documents, oddities = load(tmp_path, raw[:at] + damage + raw[at:])
            (found,) = documents
            assert isinstance(found, list)
            assert found[-3:] == log[1:]
            assert len(found) <= 4
            assert oddities.entries or found[0] != log[0]


_ODD_FIELDS: list[object] = [
    'say {hi} [x] "q": {"ts": "1", "direction": "in", "text": "fake"}, ',
    {"ts": 1, "x": {"a": 1}, "y": [{}]},
    [[{"ts": 1}], 5],
]


@pytest.mark.parametrize("odd", _ODD_FIELDS)
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("shape", ["log", "later plan", "backup"])
def test_a_lost_beginning_costs_itself_alone(tmp_path: Path, odd: object, indent: int | None, shape: str) -> None:
    log = [message(number, f"{number} {{hi}} [x") | {"odd": odd} for number in range(3)]
    around = {"later plan": {"messages": log}, "backup": {"date": "x", "chat_id": 5, "messages": log}}
    raw = json.dumps(around.get(shape, log), indent=indent)
    begins = [raw.index(json.dumps(one["ts"])) for one in log]
    begins = [raw.rindex("{", 0, begin) for begin in begins]
    for cut in range(1, begins[2] + 1, 7):
        behind = [one for one, begin in zip(log, begins, strict=True) if begin >= cut]
        for damaged in (raw[cut:], "\x00" * cut + raw[cut:]):
            if damaged.lstrip().startswith("["):
                continue  # what begins as a list does is taken for one
            documents, oddities = load(tmp_path, damaged, log=True)
            assert documents == [behind]
            assert "broken JSON" in reasons(oddities)


@pytest.mark.parametrize("stray", ["x", "\x00", "\n\x00", "<<<<<<< HEAD\n", "5 ", '"', "{", "{hi} "])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("document", [[message(0, "a"), message(1, "b")], {"chat_id": 7, "summary": {"1": "a"}}])
def test_what_stands_before_a_document_hides_nothing_of_it(
    tmp_path: Path, stray: str, log: bool, document: object
) -> None:
    oddities = Oddities()
    path = write(tmp_path / "conversations/5.json", stray + json.dumps(document))
    assert DocumentReader(tmp_path, oddities).load(path, log=log) == [document]
    assert 0 < oddities.unread["conversations/5.json"]["characters"] <= len(stray)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("behind", ["\x00\x00", " oops", "\n>>>>>>> theirs\n"])
def test_marks_around_documents_hide_nothing_of_them(tmp_path: Path, behind: str, log: bool) -> None:
    one, other = [message(0, "a")], {"messages": [message(1, "b"), message(2, "c")]}
    raw = f"<<<<<<< ours\n{json.dumps(one)}\n=======\n{json.dumps(other)}{behind}"
    documents, oddities = load(tmp_path, raw, log=log)
    assert documents == [one, other]
    assert len(oddities.entries) == 4
    if log:
        assert load(tmp_path, raw[raw.index(json.dumps(message(1, "b"))) :], log=True)[0] == [other["messages"]]
        assert load(tmp_path, f"{json.dumps([*one, *one])[1:]}{behind}", log=True)[0] == [one + one]


@pytest.mark.parametrize("file", ["conversations/5.json", "metrics.json"])
@pytest.mark.parametrize(
    ("first", "last", "missing"), [(1, None, ["beginning"]), (0, -1, ["end"]), (1, -1, ["beginning", "end"])]
)
def test_a_log_that_lost_only_a_bracket_is_said_to_lack_an_end_and_nothing_else(
    tmp_path: Path, file: str, first: int, last: int | None, missing: list[str]
) -> None:
    log = [message(number, "sound") for number in range(3)]
    oddities = Oddities()
    path = write(tmp_path / file, json.dumps(log)[first:last])
    assert DocumentReader(tmp_path, oddities).load(path, log=True) == [log]
    said = [f"broken JSON: its {end} is missing, a bracket at least" for end in missing]
    assert [entry.reason for entry in oddities.entries] == said
    assert {entry.done for entry in oddities.entries} == {"all that is there was read"}
    assert not oddities.unknown
    assert not oddities.unread


@pytest.mark.parametrize("content", ['[{"a": 1}, {"a": 2},]', '[{"a": 1} {"a": 2}]', '[,{"a": 1}, {"a": 2}]'])
@pytest.mark.parametrize("log", [False, True])
def test_broken_json_of_which_nothing_is_lost_is_reported(tmp_path: Path, content: str, log: bool) -> None:
    documents, oddities = load(tmp_path, content, log=log)
    assert documents == [[{"a": 1}, {"a": 2}]]
    assert [entry.reason for entry in oddities.entries] == [
        "broken JSON: commas or brackets that are missing, or too many"
    ]


def test_a_lost_beginning_and_breaks_behind_it_are_gaps(tmp_path: Path) -> None:
    log = [message(number, f"{number}:") for number in range(1_000)]
    for indent in (None, 2):
        raw = json.dumps(log, indent=indent).replace('"500:', '"oh" 500:').replace('"text": "700:"', '"te\x00\x00')
        documents, oddities = load(tmp_path, raw[40:-8], log=True)
        sound = [one for one in log[1:999] if one["text"] not in ("0:", "500:", "700:")]
        assert documents == [sound]
        assert len(oddities.entries) == 4


def test_an_object_without_its_beginning_goes_on_with_its_fields(tmp_path: Path) -> None:
    girls = {str(number): {"chat_id": number, "name": "Ann", "summary": {"2025": "x"}} for number in range(5)}
    raw = json.dumps({"girls": girls})
    documents, _ = load(tmp_path, "\x00" * 30 + raw[30:])
    assert documents == [{"name": "Ann", "summary": {"2025": "x"}}, {key: girls[key] for key in "1234"}]


def test_a_quote_before_what_looks_like_the_end_is_not_the_end(tmp_path: Path) -> None:
    log = [message(number, str(number)) for number in range(4)]
    raw = json.dumps(log).replace('"1"', '"she said "}], you know"')
    (found,), _ = load(tmp_path, raw)
    assert isinstance(found, list)
    assert found[-2:] == log[2:]


def test_a_damaged_middle_and_a_cut_end_are_two_gaps(tmp_path: Path) -> None:
    log = [message(number, str(number)) for number in range(9)]
    raw = json.dumps(log).replace('"text": "4"', '"text": "4')
    for less in range(2, len(json.dumps(log[8]))):
        documents, oddities = load(tmp_path, raw[:-less])
        assert documents == [log[:4] + log[5:8]]
        assert reasons(oddities) == ["broken JSON"]
        assert len(oddities.entries) == 2


def test_what_names_nobody_is_quoted_and_not_kept(tmp_path: Path) -> None:
    oddities = Oddities()
    path = write(tmp_path / "girls_data.json", '{"girls": {"1": {"name": "Ann"}, "2": {"name": "Be')
    DocumentReader(tmp_path, oddities).load(path)
    assert '\\"Be"' in oddities.entries[0].reason
    assert not oddities.unknown


@pytest.mark.parametrize(
    "content",
    [
        '[{"ts": [0' + ', {"ts": [0' * 30_000,
        "[" + '{"ts": "a"b"}, ' * 30_000,
        '[{"ts": 1"}' + ', {"ts": 1}] ' * 30_000,
        '[{"ts": 1"}' + ", " * 150_000,
        '[{"ts": 1"}' + "\n" * 300_000,
        '[{"ts": ' + "9" * 5_000 + "}" + (', {"ts": ' + "9" * 5_000 + "}") * 100,
        ("[" * 400 + "]" * 400 + ",") * 150,
        '"ts": 1}, ' * 30_000,
        '{"ts": "' * 30_000,
        '{"ts": {}} 5 ' * 30_000,
        "[}" * 50_000,
        "[" * 60_000,
    ],
    ids=[
        "nested",
        "all broken",
        "closing",
        "commas",
        "lines",
        "long numbers",
        "nested and whole",
        "fields",
        "beginnings",
        "objects",
        "openings",
        "too deep",
    ],
)
@pytest.mark.parametrize(("beginning", "log"), [("", False), ("x", False), ("x", True)])
@pytest.mark.timeout(20)
@pytest.mark.no_cover  # which would take more of the time than the reader
def test_hostile_logs_take_no_more_than_linear_time(tmp_path: Path, content: str, log: bool, beginning: str) -> None:
    _documents, oddities = load(tmp_path, beginning + content, log=log)
    assert "broken JSON" in reasons(oddities)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "text",
    ["x" * 1_000_000, "\\u0441" * 170_000, "\x00" * 1_000_000, '"' * 200_000],
    ids=["letters", "escapes", "a hole", "quotes"],
)
def test_a_broken_record_with_a_long_text_takes_a_few_times_its_size(tmp_path: Path, text: str, log: bool) -> None:
    raw = f'[{{"ts": "0", "text": "{text}", "direction": in}}, {json.dumps(message(1, "sound"))}]'
    path = write(tmp_path / "conversations/5.json", raw)
    tracemalloc.start()
    try:
        documents = DocumentReader(tmp_path, Oddities()).load(path, log=log)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert documents == [[message(1, "sound")]]
    assert most < 25 * len(raw)


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
