"""Connections that belong to no bot yet, as far as the servers know: a flood of unfinished log-ins is somebody's."""

import sys

import pytest

from hanfleet.core.errors import StoreUnavailableError
from hanfleet.kit.clock import ManualClock
from hanfleet.supervisor.door_watch import DoorLimits, DoorWatch
from tests.support.database import SYSTEM, Database

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a connection is")
LIMITS = DoorLimits(held=3, opened=5)


class Door:
    """A watch over connections that the test makes up, and whom it shut out."""

    def __init__(self, database: Database) -> None:
        self.connections: dict[int, str] = {}
        self.shut_out: list[str] = []
        self.stuck: set[str] = set()
        self.clock = ManualClock()
        self.watch = DoorWatch(
            database.supervisor,
            self._knocks,
            self._end,
            self.clock,
            limits=LIMITS,
        )

    async def _knocks(self) -> dict[int, str]:
        return dict(self.connections)

    async def _end(self, bot_id: str) -> None:
        if bot_id in self.stuck:
            raise StoreUnavailableError("no")
        self.shut_out.append(bot_id)


@pytest.fixture
async def door(database: Database) -> Door:
    await database.add_bot("mallory")
    await database.add_bot("anna")
    return Door(database)


async def test_who_holds_too_many_is_shut_out_and_nobody_else(door: Door, database: Database) -> None:
    door.connections = {1: "anna", 2: "anna", 3: "anna"}
    assert await door.watch.look() == 0
    door.connections |= dict.fromkeys(range(50, 54), "mallory")
    assert await door.watch.look() == 1
    assert door.shut_out == ["mallory"]
    async with database.supervisor.transaction(SYSTEM) as tx:
        [event] = await tx.events.list(bot_id="mallory", type="error.database.session_ended")
    assert event.data["reason"] == "It held 4 connections to the servers."
    assert event.data["shut_out"]


async def test_one_that_cannot_be_shut_out_hides_no_other_one_and_is_tried_again(door: Door) -> None:
    door.connections = {**dict.fromkeys(range(4), "anna"), **dict.fromkeys(range(10, 14), "mallory")}
    door.stuck = {"anna"}
    assert await door.watch.look() == 2
    assert door.shut_out == ["mallory"]
    door.connections, door.stuck = {}, set()
    assert await door.watch.look() == 0
    assert door.shut_out == ["mallory", "anna"]


async def test_who_comes_and_goes_is_counted_and_forgotten_after_the_window(door: Door) -> None:
    assert await door.watch.look() == 0
    for number in range(5):
        door.connections = {number: "mallory"}
        assert await door.watch.look() == 0
    door.clock.advance(60)
    for number in range(5, 10):
        door.connections = {number: "mallory"}
        assert await door.watch.look() == 0
    door.connections = {10: "mallory"}
    assert await door.watch.look() == 1


async def test_what_was_there_before_the_watch_began_was_not_opened_under_its_eyes(door: Door) -> None:
    door.connections = {1: "mallory", 2: "mallory", 3: "mallory"}
    for _ in range(4):
        assert await door.watch.look() == 0
