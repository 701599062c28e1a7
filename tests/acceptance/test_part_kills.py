"""kill -9 of every part of a fleet, one after the other, in the middle of traffic."""

import os
import signal
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from hanfleet.cli.stage.cast import roles
from hanfleet.cli.stage.stage import Stage
from tests.acceptance.scene import (
    assert_clean,
    assert_single_sessions,
    keep,
    some_replies,
    traffic,
    verdict_of,
    workers,
)
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("acceptance-2"),
    pytest.mark.timeout(180),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    async with Stage() as stage:
        await stage.add_bots(roles(3))
        yield stage


@pytest.mark.parametrize("part", ["supervisor", "api", "zygote", "postgres", "valkey"])
async def test_a_killed_part_comes_back_and_nothing_is_lost_or_doubled(stage: Stage, part: str) -> None:
    await stage.running()
    async with traffic(stage, contacts=6, seed=len(part)) as crowd:
        await some_replies(crowd, 6)
        alive = await workers(stage)
        before = stage.fleet.processes()[part]
        os.kill(before, signal.SIGKILL)
        await eventually(lambda: stage.fleet.processes()[part] != before, within=20, what=f"{part} runs again")
        await some_replies(crowd, 6)
        await _api_answers(stage)
        await stage.running()
        assert await workers(stage) == alive, "no worker had to die with it"
        verdict = await verdict_of(crowd)
    assert_clean(verdict)
    await assert_single_sessions(stage)


async def test_a_killed_up_leaves_workers_that_the_next_one_adopts(stage: Stage) -> None:
    await stage.running()
    async with traffic(stage, contacts=6, seed=77) as crowd:
        await some_replies(crowd, 6)
        before = await workers(stage)
        os.kill(stage.fleet.processes()["up"], signal.SIGKILL)
        assert stage.fleet.process is not None
        await stage.fleet.process.wait()
        await stage.fleet.start()
        keep(stage)
        await stage.running()
        await some_replies(crowd, 6)
        assert await workers(stage) == before, "living workers are adopted, not replaced"
        verdict = await verdict_of(crowd)
    assert_clean(verdict)
    await assert_single_sessions(stage)


async def test_a_killed_telegram_and_model_come_back_and_nothing_is_lost_or_doubled(stage: Stage) -> None:
    await stage.running()
    async with traffic(stage, contacts=6, seed=78) as crowd:
        await some_replies(crowd, 6)
        assert stage.sandbox.process is not None
        os.kill(stage.sandbox.process.pid, signal.SIGKILL)
        await stage.sandbox.process.wait()
        await stage.sandbox.start()
        keep(stage)
        await some_replies(crowd, 6)
        await stage.running()
        verdict = await verdict_of(crowd)
    assert_clean(verdict)
    await assert_single_sessions(stage)


async def _api_answers(stage: Stage) -> None:
    async def healthy() -> bool:
        try:
            return bool((await stage.fleet.api.get("/healthz")).json()["status"] == "ok")
        except httpx.TransportError:
            return False

    await eventually(healthy, within=20, what="the API is well")
