"""What no row holds: cut or set aside, kept whole with the import, and each one named in the report."""

import json
from pathlib import Path

import pytest

from hanfleet.control.legacy.bounding import fits, fitting
from hanfleet.control.legacy.folder import LegacyFolder
from hanfleet.control.legacy.importer import kept_of
from hanfleet.control.legacy.records import LegacyChat
from hanfleet.control.legacy.rows import contact_of, extras_of, messages_of
from hanfleet.store.bounds import MOST_PROFILE_BYTES, MOST_TEXT_BYTES
from tests.support.legacy import NOW, deep, message, write, write_session

LONG = "ä" * MOST_TEXT_BYTES


def read(root: Path) -> tuple[LegacyChat, LegacyFolder, list[tuple[str, str]]]:
    """The one chat, the folder, and (reason, what was done) of the report."""
    folder = LegacyFolder(root, NOW)
    (chat,) = folder.chats()
    return chat, folder, [(entry.reason.partition(":")[0], entry.done) for entry in folder.oddities.entries]


@pytest.mark.parametrize("text", ["a" * MOST_TEXT_BYTES, "ä" * (MOST_TEXT_BYTES // 2), ""])
def test_what_fits_stays_as_it_is(text: str) -> None:
    assert fits(text)
    assert fitting(text) is text


def test_a_cut_is_between_characters() -> None:
    assert fitting("a" + LONG) == "a" + "ä" * ((MOST_TEXT_BYTES - 1) // 2)


def test_a_messages_text_is_cut_and_kept_whole(tmp_path: Path) -> None:
    write(tmp_path / "conversations/5.json", [message(0, "short"), message(1, LONG) | {"mood": "good"}])
    chat, _, report = read(tmp_path)
    assert [one.text for one in messages_of("mira", chat)] == ["short", fitting(LONG)]
    assert extras_of(chat) == {"1": {"mood": "good", "text": LONG}}
    assert ("a text over the limit", "cut to what a row holds, and kept whole with the import") in report


def test_names_are_cut_and_kept_whole(tmp_path: Path) -> None:
    write(tmp_path / "girls_data/5.json", {"chat_id": 5, "name": LONG, "previous_response_id": LONG})
    write(tmp_path / "backups/5/2025-06-01.json", {"chat_id": 5, "name": LONG + "!", "messages": []})
    chat, folder, report = read(tmp_path)
    assert contact_of(chat, NOW).name == fitting(LONG)
    assert chat.profile is not None
    assert chat.profile.response_id is None
    assert kept_of(folder)["unknown"]["girls_data/5.json"]["name of chat 5"] == LONG
    assert kept_of(folder)["unknown"]["backups/5/2025-06-01.json"] == {"name of chat 5": LONG + "!"}
    assert report.count(("a name over what a row holds", "kept with the import")) == 2
    assert ("no id", "kept among the unknown fields") in report
    # It was too much for the profile's data, too.
    assert LONG in json.dumps([chat.profile.data, kept_of(folder)], ensure_ascii=False)


def test_a_profile_loses_unknown_fields_and_its_oldest_snapshots_first(tmp_path: Path) -> None:
    snapshots = {f"2025010100000{number}": "x" * (MOST_PROFILE_BYTES // 4) for number in range(5)}
    write(tmp_path / "girls_data/5.json", {"chat_id": 5, "name": "Ann", "profile": snapshots, "zodiac": "leo"})
    chat, folder, report = read(tmp_path)
    assert chat.profile is not None
    aside = kept_of(folder)["unknown"]["girls_data/5.json"]["profile of chat 5"]
    assert list(aside["profile"]) == list(snapshots)[:2]
    assert aside["legacy"] == {"zodiac": "leo"}
    assert chat.profile.data["profile"] | aside["profile"] == snapshots
    assert report[-1][1] == "kept with the import"


@pytest.mark.parametrize("value", [deep, 10**300 + 1, -1.5e300])
def test_what_readers_of_json_cannot_follow_becomes_a_text(tmp_path: Path, value: object) -> None:
    write(tmp_path / "girls_data/5.json", {"chat_id": 5, "name": "Ann", "odd": value})
    chat, folder, _ = read(tmp_path)
    assert chat.profile is not None
    assert str(value)[-20:].strip("[]") in json.dumps(chat.profile.data)
    assert any(word in folder.oddities.as_json() for word in ("became a text", "kept as text"))


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ("UPDATE sessions SET dc_id = 1 << 40", "no Telegram session"),
        ("UPDATE sessions SET dc_id = 0", "no Telegram session"),
        ("UPDATE sessions SET port = 0", "no Telegram session"),
        ("UPDATE sessions SET port = 65536", "no Telegram session"),
        ("UPDATE entities SET hash = -7 WHERE id = 0", "an account number that cannot be"),
        ("UPDATE update_state SET date = -62135596800", "no place in Telegram's log"),
        ("UPDATE entities SET hash = 'x' WHERE id = 5", "peers whose number or hash cannot be"),
        ("UPDATE entities SET hash = 'x' WHERE id = 0", "an account number that cannot be"),
        (f"UPDATE entities SET name = '{LONG}' WHERE id = 5", "names over what a row holds"),
        ("UPDATE entities SET name = CAST(x'416eff' AS text) WHERE id = 5", "characters that no database keeps"),
    ],
)
def test_a_session_says_what_of_it_no_row_holds(tmp_path: Path, odd: str, reason: str) -> None:
    write_session(tmp_path / "han_session.session", odd=odd)
    folder = LegacyFolder(tmp_path, NOW)
    session = folder.session()
    assert reason in folder.oddities.by_reason()
    assert (session is None) == (reason == "no Telegram session")
