"""Two versions of one contact: the folder's and the one that stands. The newer counts, and the older is not lost."""

from pathlib import Path
from typing import Any

from hanfleet.control.sealing import first_ring
from tests.integration.control.test_legacy_import import KEY, Desk, desk
from tests.integration.control.test_legacy_import_again import _noted
from tests.integration.store.conversation_steps import message as inbound
from tests.integration.store.conversation_steps import take
from tests.support.database import SYSTEM
from tests.support.legacy import message, write

__all__ = ["desk"]

_FACTS = {"20250101000000": {"work": "painter"}}
_NEWER_FACTS = {**_FACTS, "20250301000000": {"work": "sculptor"}}


def _profile(root: Path, response_id: str, facts: dict[str, Any], day: int | None = None, name: str = "Ann") -> None:
    active = None if day is None else f"2025-06-{day:02}T09:00:00.000001Z"
    values = {"chat_id": 5, "name": name, "last_activity": active, "profile": facts}
    write(root / "girls_data/5.json", {**values, "previous_response_id": response_id})


async def _stands(desk: Desk, bot_id: str = "mira") -> tuple[Any, str | None]:
    async with desk.store.transaction(SYSTEM) as tx:
        contact = await tx.contacts.get(bot_id, 5)
        talk = await tx.conversations.get(bot_id, 5)
    return contact, talk.response_id if talk else None


async def test_a_profile_that_the_old_bot_lost_takes_nothing_along(desk: Desk, tmp_path: Path) -> None:
    write(tmp_path / "conversations/5.json", [message(0, "a")])
    _profile(tmp_path, "r1", _FACTS, 3)
    before = await desk.dump()
    await desk.bring(tmp_path)
    stood = await _stands(desk)
    # What lies beside it is what was imported.
    (tmp_path / "girls_data/5.json").rename(tmp_path / "girls_data/5.backup.20250603.json")
    assert not await desk.bring(tmp_path)
    (tmp_path / "girls_data/5.backup.20250603.json").unlink()
    write(tmp_path / "girls_data/5.json", "")
    assert not await desk.bring(tmp_path)
    assert await _stands(desk) == stood
    assert "no profile any more, though one was imported: chat 5" in [
        one.reason for one in await _noted(desk, tmp_path)
    ]
    assert await desk.differences(tmp_path) == []
    raw = await desk.database.connect()
    await raw.execute("UPDATE user_profiles SET profile_data = '{}', name = ''")
    await raw.execute("UPDATE conversations SET response_id = NULL")
    await raw.close()
    found = [one.record for one in await desk.differences(tmp_path)]
    assert found == ["chat 5, name", "chat 5, profile", "chat 5, previous response"]
    await desk.take_back()
    assert await desk.dump() == before


async def test_a_profile_that_the_old_bot_began_anew_keeps_what_the_lost_one_knew(desk: Desk, tmp_path: Path) -> None:
    _profile(tmp_path, "r1", _FACTS, 3)
    before = await desk.dump()
    await desk.bring(tmp_path)
    _profile(tmp_path, "r2", {}, 4, name="")
    notes = await _noted(desk, tmp_path)
    assert any("than this one was imported: chat 5" in one.reason and "painter" in one.reason for one in notes)
    contact, response_id = await _stands(desk)
    assert (contact.name, response_id, contact.profile_data["profile"]) == ("Ann", "r2", {})
    assert contact.profile_data["legacy"]["older"][0]["profile"] == _FACTS
    assert await desk.differences(tmp_path) == []
    assert not await desk.bring(tmp_path)
    # It grows on, and the older one goes with it.
    _profile(tmp_path, "r3", _NEWER_FACTS, 5)
    await desk.bring(tmp_path)
    contact, _ = await _stands(desk)
    assert contact.profile_data["profile"] == _NEWER_FACTS
    assert contact.profile_data["legacy"]["older"][0]["profile"] == _FACTS
    assert await desk.differences(tmp_path) == []
    await desk.take_back()
    assert await desk.dump() == before


async def test_an_older_copy_of_the_folder_undoes_nothing(desk: Desk, tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    _profile(new, "r9", _NEWER_FACTS, 9)
    _profile(old, "r3", {**_FACTS, "20250201000000": {"work": "nurse"}}, 3, name="Anna")
    before = await desk.dump()
    await desk.bring(new)
    assert [one.record for one in await desk.differences(old)] == ["chat 5, profile"]
    (note,) = [one for one in await _noted(desk, old) if one.file == "girls_data/5.json"]
    assert note.reason.startswith("an older profile: of chat 5 a newer one was imported")
    contact, response_id = await _stands(desk)
    assert (contact.name, response_id, contact.profile_data["profile"]) == ("Ann", "r9", _NEWER_FACTS)
    (kept,) = contact.profile_data["legacy"]["older"]
    assert (kept["name"], kept["previous_response_id"]) == ("Anna", "r3")
    assert kept["profile"] == {"20250201000000": {"work": "nurse"}}
    stood = await desk.dump()
    for root in (new, old):
        assert await desk.differences(root) == []
        assert not await desk.bring(root)
    assert await desk.dump() == stood
    await desk.take_back()
    assert await desk.dump() == before


async def test_of_two_versions_without_a_time_nothing_is_lost(desk: Desk, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    _profile(one, "r1", _FACTS)
    _profile(other, "r2", {"20250101000000": {"work": "nurse"}})
    for root in (one, other, one, other, one):
        await desk.bring(root)
        assert await desk.differences(root) == []
        assert not await desk.bring(root)
    contact, response_id = await _stands(desk)
    assert (response_id, contact.profile_data["profile"]) == ("r1", _FACTS)
    assert len(contact.profile_data["legacy"]["older"]) == 2


async def test_a_contact_that_stands_already_takes_the_snapshots_that_it_lacks(desk: Desk, tmp_path: Path) -> None:
    bot = await desk.database.add_bot()
    await take(bot, inbound(10, chat_id=5))
    async with desk.store.transaction(SYSTEM) as tx:
        await first_ring(tx, KEY, "anna")
    own = '{"profile": {"20250101000000": {"work": "doctor"}}, "mood": "glad"}'
    raw = await desk.database.connect()
    await raw.execute(f"UPDATE user_profiles SET name = 'Own', profile_data = '{own}'")
    await raw.close()
    before = await desk.dump()
    nurse, baker = {"work": "nurse"}, {"work": "baker"}
    _profile(tmp_path, "r1", {"20250101000000": nurse, "20240101000000": baker}, 3, name="Old")
    notes = [one.reason for one in await _noted(desk, tmp_path, "anna")]
    assert any("nurse" in note and "Old" in note and "baker" not in note for note in notes)
    assert any("the old response was r1" in note for note in notes)
    contact, _ = await _stands(desk, "anna")
    assert contact.name == "Own"
    assert contact.profile_data["profile"] == {"20250101000000": {"work": "doctor"}, "20240101000000": baker}
    found = [(one.record, "nurse" in one.expected) for one in await desk.differences(tmp_path, "anna")]
    assert found == [("chat 5, name", False), ("chat 5, facts", True), ("chat 5, previous response", False)]
    assert not await desk.bring(tmp_path, "anna")
    await desk.take_back("anna")
    assert await desk.dump() == before


async def test_a_contact_that_was_changed_since_takes_what_it_lacks(desk: Desk, tmp_path: Path) -> None:
    _profile(tmp_path, "r1", _FACTS, 3)
    before = await desk.dump()
    await desk.bring(tmp_path)
    raw = await desk.database.connect()
    await raw.execute("UPDATE user_profiles SET name = 'Own'")
    await raw.execute("UPDATE conversations SET response_id = 'own'")
    await raw.close()
    _profile(tmp_path, "r2", {**_NEWER_FACTS, "20250101000000": {"work": "nurse"}}, 4)
    notes = [one.reason for one in await _noted(desk, tmp_path)]
    assert any("stands already" in note and "nurse" in note and "Ann" in note for note in notes)
    assert any("the old response was r2" in note for note in notes)
    contact, response_id = await _stands(desk)
    assert (contact.name, contact.profile_data["profile"], response_id) == ("Own", _NEWER_FACTS, "own")
    assert not await desk.bring(tmp_path)
    await desk.take_back()
    assert await desk.dump() == before
