"""Whole folders, shape by shape, and what the report says of them."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hanfleet.control.legacy.folder import LegacyFolder
from hanfleet.control.legacy.importer import survey
from hanfleet.control.legacy.records import LegacyChat
from hanfleet.control.legacy.single import read_single
from hanfleet.core.errors import InvalidInputError, NotFoundError
from hanfleet.core.messages import Direction, MediaKind
from tests.support.legacy import NOW, SAMPLE, later_plan, message, write, write_session


def read(root: Path, now: datetime = NOW) -> tuple[dict[int, LegacyChat], LegacyFolder]:
    folder = LegacyFolder(root, now)
    return {chat.chat_id: chat for chat in folder.chats()}, folder


def notes(folder: LegacyFolder) -> list[tuple[str, str]]:
    return [(entry.file, entry.reason.partition(":")[0]) for entry in folder.oddities.entries]


def texts(chat: LegacyChat) -> list[str]:
    return [one.text for one in chat.messages]


def test_the_sample_is_read_whole_and_only_its_double_metric_is_odd() -> None:
    chats, folder = read(SAMPLE, datetime(2027, 1, 1, tzinfo=UTC))
    assert notes(folder) == [("metrics.json", "the same metrics twice")]
    for path in (SAMPLE / "conversations").iterdir():
        expected = json.loads(path.read_text(encoding="utf-8"))
        assert texts(chats[int(path.stem)]) == [one["text"] for one in expected]
    for path in (SAMPLE / "girls_data").iterdir():
        old = json.loads(path.read_text(encoding="utf-8"))
        profile = chats[old["chat_id"]].profile
        assert profile is not None
        assert (profile.name, profile.message_count) == (old["name"], old["message_count"])
        assert profile.data == {"summary": old["summary"], "profile": old["profile"]}
        assert profile.response_id == old["previous_response_id"]


def test_no_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no folder"):
        LegacyFolder(tmp_path / "nowhere", NOW)


def test_version_1_and_unknown_fields(tmp_path: Path) -> None:
    write(
        tmp_path / "girls_data.json", {"girls": {"5": {"chat_id": 5, "name": "Ann", "zodiac": "leo"}, "x": 1}, "v": 1}
    )
    chats, folder = read(tmp_path)
    assert chats[5].profile is not None
    assert chats[5].profile.data["legacy"] == {"zodiac": "leo"}
    assert folder.oddities.unknown == {"girls_data.json": {"v": 1}}
    assert ("girls_data.json", "no profile") in notes(folder)


def test_the_third_shape(tmp_path: Path) -> None:
    write(
        tmp_path / "girls_data/6.json",
        {
            "telegram_id": 6, "name": "Zoë", "age": 30, "interests": ["art"], "created_at": "2024-01-01T00:00:00Z",
            "last_active": "2025-05-05T05:05:05.123456Z",
            "conversation_stats": {"total_messages": 9, "response_time_avg": 1.5},
        },
    )  # fmt: skip
    chats, folder = read(tmp_path)
    profile = chats[6].profile
    assert profile is not None
    assert profile.data["profile"] == {"20250505050505": {"age": 30, "interests": ["art"]}}
    assert profile.data["legacy"]["conversation_stats"]["response_time_avg"] == 1.5
    assert profile.message_count == 9
    assert profile.last_activity == datetime(2025, 5, 5, 5, 5, 5, 123456, tzinfo=UTC)
    assert notes(folder) == []


def test_of_an_older_third_shape_the_first_day_is_kept(tmp_path: Path) -> None:
    day = "2024-01-01T00:00:00.000001Z"
    write(tmp_path / "girls_data/6.json", {"telegram_id": 6, "created_at": day, "last_active": "2025-01-01T00:00:00Z"})
    write(tmp_path / "girls_data.json", {"girls": {"6": {"chat_id": 6, "last_activity": "2025-02-01T00:00:00Z"}}})
    profile = read(tmp_path)[0][6].profile
    assert profile is not None
    assert [older["legacy"]["created_at"] for older in profile.data["legacy"]["older"]] == [day]


def test_of_two_versions_the_newer_counts_and_the_older_is_kept_and_reported(tmp_path: Path) -> None:
    write(
        tmp_path / "girls_data.json",
        {"girls": {"5": {"chat_id": 5, "name": "New", "last_activity": "2025-06-02T00:00:00Z"}}},
    )
    write(tmp_path / "girls_data/5.json", {"chat_id": 5, "name": "Old", "last_activity": "2025-06-01T00:00:00Z"})
    write(tmp_path / "girls_data/5.backup.20250101.json", '{"chat_id": 5, "name": "Torn", "summ')
    chats, folder = read(tmp_path)
    assert chats[5].name == "New"
    assert chats[5].profile is not None
    assert [older["name"] for older in chats[5].profile.data["legacy"]["older"]] == ["Torn", "Old"]
    assert notes(folder).count(("girls_data/5.json", "an older profile")) == 1
    assert ("girls_data/5.backup.20250101.json", "broken JSON") in notes(folder)
    assert ("girls_data/5.backup.20250101.json", "a profile moved aside") in notes(folder)


def test_ids_that_are_missing_double_or_senseless(tmp_path: Path) -> None:
    write(tmp_path / "girls_data/1.json", {"name": "A"})
    write(tmp_path / "girls_data/2.json", {"chat_id": 3, "name": "B"})
    write(tmp_path / "girls_data/4.json", {"chat_id": "x" * 3, "name": "C"})
    write(tmp_path / "girls_data/notes.json", {"chat_id": 9})
    write(tmp_path / "girls_data/-7.json", {"chat_id": -7, "name": "Group"})
    chats, folder = read(tmp_path)
    assert {number: chat.name for number, chat in chats.items()} == {1: "A", 3: "B", 4: "C", -7: "Group"}
    assert set(notes(folder)) == {
        ("girls_data/1.json", "no chat_id"),
        ("girls_data/2.json", "two ids"),
        ("girls_data/4.json", "no id"),
        ("girls_data/4.json", "unknown fields"),
        ("girls_data/notes.json", "a profile of nobody"),
        ("girls_data/-7.json", "a group, not a person"),
    }


def test_messages_that_are_odd_stay_in_their_places(tmp_path: Path) -> None:
    log = [
        message(0, "a"),
        {"ts": "never", "direction": "in", "text": "b"},
        {"ts": "2031-01-01T00:00:00.000007Z", "direction": "out", "text": "c"},
        {"direction": "sideways", "text": 5},
        "d",
        message(4, "nul \x00 and \ud83d"),
        message(5, "x" * 5000),
        message(6, "e", "out") | {"mood": "good"},
    ]
    write(tmp_path / "conversations/8.json", json.dumps(log))
    chats, folder = read(tmp_path)
    assert texts(chats[8]) == ["a", "b", "c", "5", "nul \ufffd and \ufffd", "x" * 5000, "e"]
    assert chats[8].messages[1].sent_at is None
    assert chats[8].messages[1].extra == {"ts": "never"}
    assert chats[8].messages[2].sent_at == datetime(2031, 1, 1, 0, 0, 0, 7, tzinfo=UTC)
    assert chats[8].messages[-1].extra == {"mood": "good"}
    assert [(entry.record, entry.reason.partition(":")[0]) for entry in folder.oddities.entries] == [
        ("1", "not a time"),
        ("2", "a time in the future"),
        ("3", "no time"),
        ("3", "no direction"),
        ("3", "no text"),
        ("4", "no message"),
        ("5", "characters that no database keeps"),
        ("6", "a text over the limit"),
        ("7", "unknown fields"),
    ]
    assert "U+0000 at 4, U+D83D at 10" in folder.oddities.as_json()


def test_the_later_plans_conversations(tmp_path: Path) -> None:
    write(
        tmp_path / "conversations/8.json",
        {
            "messages": [
                {
                    "id": 1,
                    "timestamp": "2025-06-01T10:00:00.000001Z",
                    "sender": "user",
                    "content": "hi",
                    "message_type": "text",
                },
                {"id": 1, "timestamp": "2025-06-01T10:00:01Z", "sender": "bot", "content": "", "message_type": "voice"},
                {"timestamp": "2025-06-01T10:00:02Z", "sender": "?", "content": "x"},
            ]
        },
    )
    chats, folder = read(tmp_path)
    first, second, third = chats[8].messages
    assert (first.direction, first.text) == (Direction.IN, "hi")
    assert first.sent_at is not None
    assert first.sent_at.microsecond == 1
    assert (second.direction, second.media) == (Direction.OUT, MediaKind.VOICE)
    assert third.direction is Direction.IN
    assert [reason for _file, reason in notes(folder)] == ["the same id twice", "no id", "no direction"]


def test_messages_that_only_backups_have_come_back_in_order(tmp_path: Path) -> None:
    whole = [message(number, str(number)) for number in range(6)]
    write(tmp_path / "conversations/8.json", whole[4:])
    for day, part in (("2025-06-01", whole[:2]), ("2025-06-02", whole[:4]), ("2025-06-03", whole[4:5])):
        write(tmp_path / f"backups/8/{day}.json", {"date": day, "chat_id": 8, "name": "Ann", "messages": part})
    chats, folder = read(tmp_path)
    assert texts(chats[8]) == list("012345")
    assert chats[8].name == "Ann"
    assert [entry.file for entry in folder.oddities.entries] == [
        "backups/8/2025-06-01.json",
        "backups/8/2025-06-02.json",
    ]


def test_a_message_that_stands_in_both_is_one_however_its_time_is_written(tmp_path: Path) -> None:
    log = [message(number, str(number)) for number in range(3)]
    plan = later_plan(log)
    for values in plan["messages"]:
        values["timestamp"] = values["timestamp"].replace("Z", "+00:00")
    write(tmp_path / "conversations/8.json", plan)
    write(tmp_path / "backups/8/2025-06-01.json", {"messages": [message(9, "lost"), *log[:2]]})
    chats, _folder = read(tmp_path)
    assert texts(chats[8]) == ["lost", "0", "1", "2"]


def test_profiles_lie_beside_the_single_file_of_version_1(tmp_path: Path) -> None:
    write(tmp_path / ".env", "GIRLS_DATA_PATH=data/girls_data.json\n")
    write(tmp_path / "data/girls_data.json", {"girls": {"5": {"chat_id": 5}}})
    write(tmp_path / "data/girls_data/6.json", {"chat_id": 6})
    chats, folder = read(tmp_path)
    assert list(chats) == [5, 6]
    assert notes(folder) == []


def test_nothing_in_the_folder_goes_unnamed(tmp_path: Path) -> None:
    write(tmp_path / "todo.txt", "x")
    write(tmp_path / "bot.log", "x")
    write(tmp_path / "backups/notes.txt", "x")
    write(tmp_path / "conversations/5.json", "")
    write(tmp_path / "fields.json", ["hobbies"])
    _chats, folder = read(tmp_path)
    assert sorted(notes(folder)) == [
        ("backups/notes.txt", "an unknown file"),
        ("conversations/5.json", "an empty file"),
        ("fields.json", "topics of its own"),
        ("todo.txt", "an unknown file"),
    ]
    assert folder.kept == {"topics": ["hobbies"]}


def test_a_log_that_lies_too_deep_or_not_deep_enough_is_told_to_who_compares(tmp_path: Path) -> None:
    log = [message(0, "hidden")]
    for place in (
        "conversations/old/5.json",
        "conversations/6.json/log.json",
        "backups/2025-06-01.json",
        "else/5.json",
    ):
        write(tmp_path / place, log)
    chats, folder = read(tmp_path)
    assert not chats
    assert [reason for _, reason in notes(folder)].count("an unknown file") == 4
    assert folder.oddities.unread.keys() == {
        "conversations/old/5.json",
        "conversations/6.json/log.json",
        "backups/2025-06-01.json",
    }


def test_a_hole_in_a_text_is_one_place_in_the_report(tmp_path: Path) -> None:
    write(tmp_path / "conversations/5.json", [message(0, "a" + "\x00" * 1_000 + "b\x00c\x00")])
    _, folder = read(tmp_path)
    (odd,) = folder.oddities.entries
    assert odd.reason.endswith("text, U+0000 at 1 to 1000, U+0000 at 1002, U+0000 at 1004")


def test_metrics_that_are_none_are_kept(tmp_path: Path) -> None:
    good = {"timestamp": "2025-06-01T00:00:00", "metrics": {"errors_count": 2, "telegram_connected": True}}
    write(tmp_path / "metrics.json", {"current": {"start_time": 1.75e9}, "history": [good, {"timestamp": "?"}, good]})
    _chats, folder = read(tmp_path)
    assert [(row.name, row.value) for row in folder.metrics] == [
        ("legacy.errors_count", 2),
        ("legacy.telegram_connected", 1),
    ]
    assert folder.kept["metrics"] == {"current": {"start_time": 1.75e9}, "history": [{"timestamp": "?"}]}
    assert [reason for _file, reason in notes(folder)] == ["no metrics of a moment", "the same metrics twice"]


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "girls_data.json" / "1.json", {"chat_id": 1})
    folder = LegacyFolder(tmp_path, NOW)
    assert list(folder.chats()) == []
    assert {(entry.file, entry.reason) for entry in folder.oddities.entries} == {
        ("girls_data.json", "no file but a folder"),
        ("girls_data.json/1.json", "an unknown file"),
    }


def test_a_start_that_cannot_be_and_numbers_that_are_none_are_named(tmp_path: Path) -> None:
    for number, (start, reasons) in enumerate(
        {
            "NaN": ["not a time", "values that no database keeps"],
            '"tuesday"': ["not a time"],
            "-5": ["a time before Telegram existed"],
            "1e12": ["not a time"],
            "2e9": ["a time in the future"],
            "null": [],
        }.items()
    ):
        write(tmp_path / f"{number}/metrics.json", f'{{"current": {{"start_time": {start}, "errors_count": 1}}}}')
        _chats, folder = read(tmp_path / str(number))
        assert [reason for _file, reason in notes(folder)] == reasons
        assert folder.kept["metrics"]["current"]["errors_count"] == 1
    write(tmp_path / "metrics.json", '{"current": {"avg_response_time": NaN}}')
    assert notes(read(tmp_path)[1])[0] == ("metrics.json", "values that no database keeps")


def test_a_text_that_is_null_is_named(tmp_path: Path) -> None:
    write(tmp_path / "conversations/8.json", {"messages": [{"id": 1, "timestamp": "2025-06-01T10:00:00Z",
                                                            "sender": "user", "content": None}]})  # fmt: skip
    write(tmp_path / "conversations/9.json", [message(0, "x") | {"text": None}])
    chats, folder = read(tmp_path)
    assert texts(chats[8]) == texts(chats[9]) == [""]
    assert [(entry.file, entry.reason) for entry in folder.oddities.entries] == [
        ("conversations/8.json", "no text: content is null"),
        ("conversations/9.json", "no text: text is null"),
    ]


def test_a_key_that_is_no_id_beside_one_is_named(tmp_path: Path) -> None:
    write(tmp_path / "girls_data.json", {"girls": {"x": {"chat_id": 1, "name": "Ann"}}})
    chats, folder = read(tmp_path)
    assert chats[1].name == "Ann"
    assert [(entry.record, entry.reason, entry.done) for entry in folder.oddities.entries] == [
        ("x", 'two ids: its key says "x", its chat_id says 1', "taken for chat 1")
    ]


def test_folders_and_links_in_the_place_of_files_are_named(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "old", tmp_path / "elsewhere"
    write(elsewhere / "5.json", [message(0, "far")])
    write(root / "conversations/7.json", [message(0, "near")])
    for place in ("conversations/20.json", "conversations/archive", "persona.txt"):
        (root / place).mkdir()
    for place in ("conversations/21.json", "photos", "backups", ".env"):
        (root / place).symlink_to(elsewhere)
    (root / "fields.json").symlink_to(tmp_path / "nowhere")
    (root / "girls_data").symlink_to(elsewhere / "gone")
    chats, folder = read(root)
    assert list(chats) == [7]
    assert sorted((entry.file, entry.reason, entry.done) for entry in folder.oddities.entries) == [
        (".env", "no file but a folder", "left out"),
        ("backups", "a link that leads out of the folder", "left out"),
        ("conversations/20.json", "no file but a folder", "what is in it is named, not read"),
        ("conversations/21.json", "no file but a folder", "left out"),
        ("fields.json", "no file", "left out"),
        ("girls_data", "a link that leads out of the folder", "left out"),
        ("persona.txt", "no file but a folder", "what is in it is named, not read"),
        ("photos", "a link to a folder", "left out"),
    ]


@pytest.mark.parametrize("place", ["girls_data", "data/girls_data"])
def test_profiles_behind_a_link_out_of_the_folder_stay_there(tmp_path: Path, place: str) -> None:
    root, outside = tmp_path / "old", tmp_path / "outside"
    write(outside / "5.json", {"chat_id": 5})
    write(root / ".env", f"GIRLS_DATA_PATH={place}.json\n")
    (root / place).parent.mkdir(exist_ok=True)
    (root / place).symlink_to(outside)
    chats, folder = read(root)
    assert chats == {}
    assert notes(folder) == [(place, "a link that leads out of the folder")]


def test_a_link_out_of_the_folder_is_named_and_not_followed(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "old", tmp_path / "elsewhere"
    write(elsewhere / "passwd", "root:secret")
    write(elsewhere / "7/2025-06-01.json", [message(0, "secret")])
    write(root / "conversations/8.json", [message(0, "near")])
    write(root / "backups/6/2025-06-01.json", [])
    links = {
        "conversations/5.json": "passwd", "girls_data.json": "passwd", ".env": "passwd", "persona.txt": "passwd",
        "backups/6/2025-06-02.json": "7/2025-06-01.json", "backups/7": "7", "girls_data": "7",
    }  # fmt: skip
    for name, target in links.items():
        (root / name).symlink_to(elsewhere / target)
    (root / "conversations/9.json").symlink_to("8.json")
    chats, folder = read(root)
    assert {number: texts(chat) for number, chat in chats.items()} == {6: [], 8: ["near"], 9: ["near"]}
    out = {entry.file for entry in folder.oddities.entries if entry.reason == "a link that leads out of the folder"}
    assert out == links.keys() == folder.oddities.unread.keys()
    assert "secret" not in folder.oddities.as_json()
    assert folder.persona is None
    with pytest.raises(InvalidInputError, match="leads out of its folder"):
        read_single(root / ".env")


@pytest.mark.parametrize("name", ["1_062", " 1062", "+1062", "\u0661\u0660\u0666\u0662", "1062 "])
def test_a_number_is_written_in_digits_alone(tmp_path: Path, name: str) -> None:
    write(tmp_path / f"backups/{name}/2025-06-01.json", [message(0, "x")])
    write(tmp_path / "girls_data.json", {"girls": {name: {"name": "Ann"}}})
    chats, folder = read(tmp_path)
    assert chats == {}
    assert notes(folder) == [
        (f"backups/{name}/2025-06-01.json", "a backup of nobody"), ("girls_data.json", "no profile"),
    ]  # fmt: skip


def test_profiles_behind_a_lost_beginning_come_over(tmp_path: Path) -> None:
    girls = {str(number): {"chat_id": number, "name": f"Ann {number}"} for number in range(1, 200)}
    write(tmp_path / "girls_data.json", "\x00" * 4096 + json.dumps({"girls": girls})[4096:])
    write(tmp_path / "girls_data/900.json", '\x00{"chat_id": 900, "name": "Zoë"}')
    write(tmp_path / "girls_data/901.json", '_id": 901, "name": "Kim", "message_count": 5}')
    chats, folder = read(tmp_path)
    last = range(200 - (len(chats) - 2), 200)
    assert len(last) > 80
    assert {number: chat.name for number, chat in chats.items()} == (
        {number: f"Ann {number}" for number in last} | {900: "Zoë", 901: "Kim"}
    )
    assert folder.oddities.unread.keys() == {"girls_data.json", "girls_data/900.json", "girls_data/901.json"}


def test_what_is_read_by_a_link_is_not_called_unknown_by_its_own_name(tmp_path: Path) -> None:
    write(tmp_path / "gd/5.json", {"chat_id": 5, "name": "Ann"})
    write(tmp_path / "gd/notes.txt", "x")
    write(tmp_path / "logs/7/2025-06-01.json", {"messages": [message(0, "x")]})
    write(tmp_path / "talks/7.json", [])
    write(tmp_path / ".env", f"CONVERSATIONS_DIR=../{tmp_path.name}/talks\n")
    (tmp_path / "girls_data").symlink_to("gd")
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups/7").symlink_to("../logs/7")
    chats, folder = read(tmp_path)
    assert chats.keys() == {5, 7}
    assert len(chats[7].messages) == 1
    assert [(entry.file, entry.reason) for entry in folder.oddities.entries if "link" not in entry.reason] == [
        ("girls_data/notes.txt", "a profile of nobody"),
        ("backups/7/2025-06-01.json", "messages that the log has lost: 1"),
    ]


def test_a_folder_named_in_full_is_found_by_whatever_name_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "old/talks/7.json", [message(0, "x")])
    write(tmp_path / "old/.env", f"CONVERSATIONS_DIR={tmp_path}/old/talks\n")
    monkeypatch.chdir(tmp_path)
    chats, folder = read(Path("old"))
    assert texts(chats[7]) == ["x"]
    assert not folder.oddities.entries


def test_a_survey_knows_the_session_file(tmp_path: Path) -> None:
    write_session(tmp_path / "han_session.session")
    folder = LegacyFolder(tmp_path, NOW)
    assert survey(folder, lambda *_: None)["sessions"] == 1
    assert ("han_session.session", "an unknown file") not in notes(folder)


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder of an ordinary user, as whom the test runs: nothing is closed to root."""
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(folder)


@pytest.mark.parametrize(("place", "mode"), [("backups/77", 0o000), ("conversations", 0o000), ("photos", 0o000)])
def test_a_closed_folder_is_named_and_all_else_is_read(theirs: Path, place: str, mode: int) -> None:
    for chat in ("5", "77"):
        write(theirs / f"girls_data/{chat}.json", {"chat_id": int(chat)})
        write(theirs / f"conversations/{chat}.json", [])
        write(theirs / f"backups/{chat}/2025-06-01.json", {"messages": [message(0, "x")]})
    write(theirs / "photos/1.jpg", "x")
    (theirs / place).chmod(mode)
    chats, folder = read(theirs)
    assert chats.keys() == {5, 77}
    assert len(chats[5].messages) == 1
    closed = [(entry.file, entry.reason) for entry in folder.oddities.entries if entry.reason.startswith("unreadable")]
    assert closed == [(place, "unreadable: Permission denied")]


def test_a_folder_that_shows_only_names_is_named_file_by_file(theirs: Path) -> None:
    for place in ("conversations/5.json", "backups/77/2025-06-01.json", "girls_data/6.json", "photos/1.jpg"):
        write(theirs / place, [])
        (theirs / place).parent.chmod(0o400)
    (theirs / "backups").chmod(0o400)
    _chats, folder = read(theirs)
    assert {(entry.file, entry.reason) for entry in folder.oddities.entries} == {
        ("conversations/5.json", "unreadable: Permission denied"),
        ("girls_data/6.json", "unreadable: Permission denied"),
        ("backups/77", "unreadable: Permission denied"),
        ("photos/1.jpg", "unreadable: Permission denied"),
    }
