"""The old bot goes on, crashes and loses things between imports: nothing that was imported once is lost."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hanfleet.control.data_keys import DataKeys
from hanfleet.control.legacy import Oddity, import_folder
from hanfleet.control.sealing import first_ring
from tests.integration.control.test_legacy_import import KEY, Desk, desk
from tests.support.database import SYSTEM
from tests.support.legacy import message, write

__all__ = ["desk"]

_CHAT = 5


def _quiet(_done: int, _total: int, _messages: int) -> None:
    pass


async def _noted(desk: Desk, root: Path, bot_id: str = "mira") -> list[Oddity]:
    """Import once more, for its report."""
    folder = desk.read(root)
    await import_folder(desk.store, KEY, bot_id, folder, desk.database.clock, _quiet)
    return folder.oddities.entries


async def _texts(desk: Desk) -> list[str]:
    return [row["text"] for row in await desk.talk("mira", _CHAT)]


async def test_a_log_that_restarted_adds_its_messages_to_those_that_it_lost(desk: Desk, tmp_path: Path) -> None:
    talk = [message(number, str(number)) for number in range(13)]
    talk[3]["mood"] = "glad"
    write(tmp_path / "conversations/5.json", talk[:10])
    before = await desk.dump()
    await desk.bring(tmp_path)
    write(tmp_path / "conversations/5.json", talk[10:])
    assert (await desk.bring(tmp_path))["messages"] == 3
    assert await _texts(desk) == [str(number) for number in range(13)]
    assert await desk.differences(tmp_path) == []
    assert not await desk.bring(tmp_path)
    # The first half comes back: with what stood beside its messages.
    write(tmp_path / "conversations/5.json", talk)
    assert not await desk.bring(tmp_path)
    assert await desk.differences(tmp_path) == []
    assert (await desk.take_back())["messages"] == 13
    assert await desk.dump() == before


async def test_what_only_the_fleet_has_stays_in_its_place_when_others_come_between(desk: Desk, tmp_path: Path) -> None:
    talk = [message(number, str(number)) for number in range(6)]
    talk[4]["mood"] = "glad"
    write(tmp_path / "conversations/5.json", [talk[0], talk[2], talk[4]])
    await desk.bring(tmp_path)
    write(tmp_path / "conversations/5.json", [talk[1], talk[3], talk[5]])
    assert (await desk.bring(tmp_path))["messages"] == 3
    assert await _texts(desk) == list("012345")
    write(tmp_path / "conversations/5.json", talk)
    assert await desk.differences(tmp_path) == []


async def test_sealed_texts_survive_a_move_to_other_places(desk: Desk, tmp_path: Path) -> None:
    async with desk.store.transaction(SYSTEM) as tx:
        await tx.bots.add("mira", {"name": "Mira", "data_isolation": {"encrypt_messages": True}})
        await first_ring(tx, KEY, "mira")
    talk = [message(number, str(number)) for number in range(4)]
    write(tmp_path / "conversations/5.json", talk[2:])
    await desk.bring(tmp_path)
    keys = DataKeys(desk.store, KEY, desk.database.provisioner.fence, desk.database.clock, patience_s=0)
    assert await keys.rotate("mira") is not None
    write(tmp_path / "conversations/5.json", talk[:2])
    assert (await desk.bring(tmp_path))["messages"] == 2
    assert await _texts(desk) == [""] * 4
    write(tmp_path / "conversations/5.json", talk)
    assert await desk.differences(tmp_path) == []


async def test_verify_still_names_a_message_that_is_not_there(desk: Desk, tmp_path: Path) -> None:
    talk = [message(number, str(number)) for number in range(5)]
    write(tmp_path / "conversations/5.json", talk[:4])
    await desk.bring(tmp_path)
    write(tmp_path / "conversations/5.json", [talk[4], talk[1], talk[3]])
    found = [(one.record, one.found) for one in await desk.differences(tmp_path)]
    assert found == [("chat 5, message 0", "none")]
    write(tmp_path / "conversations/5.json", [talk[3], talk[1]])
    found = [(one.record, one.found) for one in await desk.differences(tmp_path)]
    assert found == [("chat 5, message 1", "in another place")]


async def test_another_field_beside_an_old_message_is_taken_over(desk: Desk, tmp_path: Path) -> None:
    write(tmp_path / "conversations/5.json", [{**message(0, "a"), "mood": "glad", "seen": True}])
    before = await desk.dump()
    await desk.bring(tmp_path)
    write(tmp_path / "conversations/5.json", [{**message(0, "a"), "mood": "sad"}])
    assert [one.record for one in await desk.differences(tmp_path)] == ["chat 5, message 0, other fields"]
    (note,) = [one for one in await _noted(desk, tmp_path) if "than were imported" in one.reason]
    assert '"glad"' in note.reason
    assert await desk.differences(tmp_path) == []
    assert not await desk.bring(tmp_path)
    await desk.take_back()
    assert await desk.dump() == before


async def test_other_topics_count_as_something_new(desk: Desk, tmp_path: Path) -> None:
    write(tmp_path / "fields.json", ["work"])
    write(tmp_path / "conversations/5.json", [message(0, "a")])
    await desk.bring(tmp_path)
    write(tmp_path / "fields.json", ["work", "dreams"])
    assert await desk.bring(tmp_path) == {"kept": 1}
    assert not await desk.bring(tmp_path)


class _OldBot:
    """Writes its folder as the old script did, and breaks as it broke."""

    def __init__(self, root: Path) -> None:
        self.said: list[dict[str, Any]] = []
        #: What the folder showed at one import or another.
        self.seen: set[str] = set()
        self._root = root
        self._log: list[dict[str, Any]] = []
        self._whole = 0  # so many of the log can be read
        self._backups: list[list[dict[str, Any]]] = []

    def talks(self, number: int, *, mood: bool) -> None:
        self._log = self._log[: self._whole]
        for _ in range(number):
            one = message(len(self.said), f"{len(self.said)}", "in" if len(self.said) % 2 else "out")
            if mood:
                one["mood"] = len(self.said)
            self.said.append(one)
            self._log.append(one)
        self._whole = len(self._log)
        self._write(json.dumps(self._log))

    def restarts(self) -> None:
        """It could not read its log and begins another with the next message."""
        self._whole = 0

    def is_cut(self, kept: float) -> None:
        text = json.dumps(self._log)
        text = text[: int(len(text) * kept)]
        self._write(text)
        self._whole = 0
        self._log = self._log[: text.count("}")]

    def is_emptied(self) -> None:
        self._write("")
        self._log, self._whole = [], 0

    def backs_up(self) -> None:
        self._backups.append(self._log[: self._whole])
        path = self._root / f"backups/{_CHAT}/2025-06-{len(self._backups):02}.json"
        write(path, {"chat_id": _CHAT, "messages": self._backups[-1]})

    def loses_its_backups(self) -> None:
        for path in self._root.glob("backups/*/*"):
            path.unlink()
        self._backups = []

    def is_read(self) -> None:
        self.seen |= {one["text"] for talk in (self._log, *self._backups) for one in talk}

    def _write(self, text: str) -> None:
        write(self._root / f"conversations/{_CHAT}.json", text)


_steps = st.one_of(
    *[st.tuples(st.just("talk"), st.integers(1, 3), st.booleans())] * 3,
    *[st.tuples(st.just("import"))] * 2,
    st.tuples(st.just("cut"), st.floats(0, 1)),
    *[st.tuples(st.just(step)) for step in ("restart", "empty", "back up", "lose the backups")],
)


@settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(_steps, max_size=12))
async def test_no_message_of_an_old_bot_that_goes_on_is_lost_or_doubled(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    root = tmp_path_factory.mktemp("old")
    bot = _OldBot(root)
    before = await desk.dump()
    for step in [("talk", 3, True), *steps, ("import",)]:
        match step:
            case ("talk", number, mood):
                bot.talks(number, mood=mood)
            case ("cut", kept):
                bot.is_cut(kept)
            case ("restart",):
                bot.restarts()
            case ("empty",):
                bot.is_emptied()
            case ("back up",):
                bot.backs_up()
            case ("lose the backups",):
                bot.loses_its_backups()
            case _:
                bot.is_read()
                await desk.bring(root)
                assert await _texts(desk) == [one["text"] for one in bot.said if one["text"] in bot.seen]
                # But what could not be read of a log that was cut.
                assert all(" that could not be read: " in one.expected for one in await desk.differences(root))
                assert not await desk.bring(root)
    # With all of it back in the folder, also what stood beside the messages is there.
    write(root / f"conversations/{_CHAT}.json", [one for one in bot.said if one["text"] in bot.seen])
    assert await desk.differences(root) == []
    await desk.take_back()
    assert await desk.dump() == before
