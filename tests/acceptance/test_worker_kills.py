"""kill -9 of a worker at each step of its work, in the middle of traffic: nothing lost, nothing said twice."""

import asyncio
import os
import signal
from itertools import cycle

import pytest

from hanfleet.cli.stage.cast import roles
from hanfleet.cli.stage.stage import Stage
from hanfleet.worker.ledger import Step
from tests.acceptance.kill_plan import KillPlan
from tests.acceptance.scene import assert_clean, assert_single_sessions, traffic, verdict_of, workers
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("acceptance-1"), pytest.mark.timeout(240)]

#: Passed by every turn, over and over.
OF_A_TURN = (Step.INBOX, Step.LOAD_TURN, Step.COMMIT_TURN, Step.HEAD, Step.SENDING, Step.SENT, Step.RENEW, Step.DUE)
#: Passed at every start.
OF_A_START = (Step.CLAIM, Step.CONFIGURE, Step.SESSION_LOAD)
LABELS = tuple(f"{when} {what}" for what in (*OF_A_TURN, "send_text") for when in ("before", "after"))
START_LABELS = tuple(f"{when} {what}" for what in OF_A_START for when in ("before", "after"))


@pytest.mark.parametrize("bot_accounts", [False, True], ids=["user-accounts", "bot-tokens"])
async def test_a_worker_killed_at_any_step_loses_and_doubles_nothing(bot_accounts: bool) -> None:
    async with Stage(arguments=("--worker-entry", "tests.acceptance.killing_worker:run")) as stage:
        await stage.add_bots(roles(8, bot_accounts=bot_accounts))
        plan = KillPlan(stage.home.path / "kill-plan")
        bots = [actor.role.bot_id for actor in stage.actors]
        deaths: dict[str, list[str]] = {bot: [] for bot in bots}
        for bot, label in zip(cycle(bots), (*LABELS, *START_LABELS), strict=False):
            deaths[bot].append(label)
        async with traffic(stage, contacts=8, seed=11) as crowd:
            await asyncio.gather(*(_die_at_each(stage, plan, bot, labels) for bot, labels in deaths.items()))
            await stage.running()
            verdict = await verdict_of(crowd)
        assert_clean(verdict)
        await assert_single_sessions(stage)


async def _die_at_each(stage: Stage, plan: KillPlan, bot: str, labels: list[str]) -> None:
    for label in labels:
        await stage.running([bot])
        plan.arm(bot, label)
        if label in START_LABELS:
            os.kill(workers(stage)[bot], signal.SIGKILL)
        await eventually(lambda: not plan.armed(bot), within=40, what=f"{bot} passes {label}")
    await stage.running([bot])
