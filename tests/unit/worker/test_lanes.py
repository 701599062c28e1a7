"""Who is served when: serial within a chat, side by side between chats, and one chat's trouble stays its own."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from hanfleet.core.errors import FencedError
from hanfleet.kit.clock import SystemClock
from hanfleet.worker.desk import Desk
from hanfleet.worker.lanes import Lanes
from hanfleet.worker.line import Line
from hanfleet.worker.turn import TurnEnd
from tests.support.waiting import eventually
from tests.unit.worker.contexts import config


class EmptyLedger:
    """Rows that say: nothing is due."""

    async def run(self, _step: Any, fn: Any) -> Any:
        async def nothing(*_: Any) -> list[Any]:
            return []

        async def never(*_: Any) -> None:
            return None

        conversations = SimpleNamespace(due=nothing, next_due_at=never)
        outbox = SimpleNamespace(next=nothing, next_at=never)
        return await fn(SimpleNamespace(conversations=conversations, outbox=outbox))


class GatedTurns:
    """Turns that last until they are let go."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.together: dict[int, int] = {}
        self.most_together = 0
        self.go = asyncio.Event()
        self.trouble: dict[int, BaseException] = {}

    async def take(self, chat_id: int, **_: Any) -> TurnEnd:
        self.begun.append(chat_id)
        self.together[chat_id] = self.together.get(chat_id, 0) + 1
        self.most_together = max(self.most_together, self.together[chat_id])
        try:
            if chat_id in self.trouble:
                raise self.trouble[chat_id]
            await self.go.wait()
        finally:
            self.together[chat_id] -= 1
        return TurnEnd()


@pytest.fixture
def turns() -> GatedTurns:
    return GatedTurns()


@pytest.fixture
def desk() -> Desk:
    nobody: Any = None
    ledger: Any = EmptyLedger()
    return Desk("mia", config(), nobody, ledger, Line(lambda: True), SystemClock(), random.Random(1))


@pytest_asyncio.fixture
async def lanes(desk: Desk, turns: GatedTurns) -> AsyncIterator[Lanes]:
    made: Any = turns
    postman: Any = None
    serving = Lanes(desk, made, postman)
    task = asyncio.create_task(serving.run())
    await asyncio.sleep(0)
    yield serving
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


async def test_a_chat_is_served_one_turn_at_a_time_and_others_beside_it(desk, lanes, turns):
    now = desk.clock.now()
    for chat_id in (1, 1, 2, 1):
        lanes.arrived(chat_id, now, urgent=False)
    await eventually(lambda: set(turns.begun) == {1, 2})
    lanes.arrived(1, now, urgent=False)
    turns.go.set()
    await eventually(lambda: turns.begun.count(1) == 2)
    assert turns.most_together == 1


async def test_a_burst_is_waited_for_and_each_message_moves_its_end(desk, lanes, turns):
    turns.go.set()
    begun = desk.clock.monotonic()
    for _ in range(3):
        lanes.arrived(1, desk.clock.now() + timedelta(seconds=0.2), urgent=False)
        await asyncio.sleep(0.05)
    await eventually(lambda: turns.begun)
    assert turns.begun == [1]
    assert desk.clock.monotonic() - begun >= 0.28


async def test_urgent_words_wait_for_nothing(desk, lanes, turns):
    turns.go.set()
    lanes.arrived(1, desk.clock.now() + timedelta(hours=1), urgent=True)
    await eventually(lambda: turns.begun == [1])


async def test_one_chats_trouble_stays_in_its_lane(desk, lanes, turns):
    turns.trouble[1] = ValueError("a poisoned message")
    turns.go.set()
    now = desk.clock.now()
    lanes.arrived(1, now, urgent=False)
    lanes.arrived(2, now, urgent=False)
    await eventually(lambda: 2 in turns.begun)
    lanes.arrived(2, now, urgent=False)
    await eventually(lambda: turns.begun.count(2) == 2)


async def test_what_concerns_the_whole_bot_ends_the_lanes(desk, turns):
    made: Any = turns
    postman: Any = None
    serving = Lanes(desk, made, postman)
    turns.trouble[1] = FencedError("the lease is gone")
    task = asyncio.create_task(serving.run())
    await asyncio.sleep(0)
    serving.arrived(1, desk.clock.now(), urgent=False)
    await asyncio.wait([task])
    assert isinstance(task.exception(), ExceptionGroup)


async def test_a_leaving_worker_begins_nothing_and_waits_for_what_runs(desk, lanes, turns):
    now = desk.clock.now()
    lanes.arrived(1, now, urgent=False)
    await eventually(lambda: turns.begun == [1])
    desk.leaving.set()
    lanes.arrived(2, now, urgent=False)
    draining = asyncio.create_task(lanes.drain(5))
    await asyncio.sleep(0.01)
    assert not draining.done()
    turns.go.set()
    await draining
    assert turns.begun == [1]
