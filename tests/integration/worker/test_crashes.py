"""A worker that dies before or after each of its steps: the next one goes on, and nobody hears anything twice."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hanfleet.persona.texts import DISCLOSURE
from tests.support.waiting import eventually
from tests.support.workers import Rehearsal, times

pytestmark = pytest.mark.no_cover  # test_walk goes the same ways, once

AT_ONCE = ["inbox.take", "turn.commit", "send", "outbox.sent"]
PACED = ["turn.load", "turn.commit", "outbox.sending", "send", "outbox.sent"]
CASES = [(False, step) for step in AT_ONCE] + [(True, step) for step in PACED]


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize(
    ("paced", "step"), CASES, ids=[f"{'paced' if paced else 'at once'} {step}" for paced, step in CASES]
)
async def test_the_next_worker_goes_on_where_the_rows_stand(rehearsal: Rehearsal, place: str, step: str, paced: bool):
    if paced:
        # Long enough that no busy machine is through with them before it has looked: then nothing is paced any more.
        await rehearsal.configure(pacing={"wait_for_more_s": 0.2, "max_typing_s": 0.5, "split_at_chars": 80})
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await eventually(lambda: rehearsal.checkpoints.count("lanes.due"))
        rehearsal.checkpoints.crash_at = (place, step)
        await ann.says("Hello there #deadbeef")
        await ann.says("How are you today? #cafebabe")

        async def answered() -> bool:
            heard = await ann.heard()
            return times(heard, "#deadbeef") > 0 and times(heard, "#cafebabe") > 0

        await eventually(lambda: _done_or(worker.task, answered))
        crashed = rehearsal.checkpoints.crashed
    rehearsal.checkpoints.crash_at = None
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Still there? #12345678")
        heard = await ann.hears_about("#deadbeef", "#cafebabe", "#12345678")
        await worker.stop()
    assert [times(heard, nonce) for nonce in ("#deadbeef", "#cafebabe", "#12345678")] == [1, 1, 1]
    assert times(heard, DISCLOSURE["en"]) == 1
    assert heard[0] == DISCLOSURE["en"]
    assert crashed


async def _done_or(task: asyncio.Task[None], condition: Callable[[], Awaitable[bool]]) -> bool:
    return task.done() or await condition()


async def test_a_killed_worker_between_send_and_mark_is_seen_by_telegram_as_one_message(rehearsal: Rehearsal):
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        rehearsal.checkpoints.crash_at = ("after", "send")
        await ann.says("Hello #deadbeef")
        await eventually(worker.task.done)
    async with rehearsal.worker() as worker:
        await worker.is_running()
        heard = await ann.hears_about("#deadbeef")
        await worker.stop()
    assert times(heard, "#deadbeef") == 1
    assert times(heard, DISCLOSURE["en"]) == 1
