"""kill -9 of a worker at each step of its work, in the middle of traffic: nothing lost, nothing said twice."""

import asyncio
import os
import signal
from contextlib import nullcontext, suppress
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
OF_A_TURN = (Step.INBOX, Step.LOAD_TURN, Step.COMMIT_TURN, Step.SENDING, "send_text", Step.SENT, Step.RENEW)
#: Passed at every start; the sweep that reads what an earlier worker left is among them.
OF_A_START = (Step.CLAIM, Step.CONFIGURE, Step.SESSION_LOAD, Step.DUE)
_KILL = "kill"
#: So many that no bot dies six times within a minute, which would open its breaker, as it should.
BOTS = 12
ATTEMPTS = 4


def _scripts() -> list[tuple[str, ...]]:
    """Every way to die: at a label, or at one that only the successor of a dead worker passes."""
    both = ("before", "after")
    scripts: list[tuple[str, ...]] = [(f"{when} {what}",) for what in OF_A_TURN for when in both]
    scripts += [(_KILL, f"{when} {what}") for what in OF_A_START for when in both]
    # What was decided and not yet sent is taken up by the next worker.
    scripts += [(f"after {Step.COMMIT_TURN}", f"{when} {Step.HEAD}") for when in both]
    # Twice at the worst moment: Telegram has it, the row does not say so.
    scripts += [("after send_text", "after send_text")]
    return scripts


@pytest.mark.parametrize("bot_accounts", [False, True], ids=["user-accounts", "bot-tokens"])
async def test_a_worker_killed_at_any_step_loses_and_doubles_nothing(bot_accounts: bool) -> None:
    async with Stage(arguments=("--worker-entry", "tests.acceptance.killing_worker:run")) as stage:
        await stage.add_bots(roles(BOTS, bot_accounts=bot_accounts))
        plan = KillPlan(stage.home.path / "kill-plan")
        bots = [actor.role.bot_id for actor in stage.actors]
        deaths: dict[str, list[tuple[str, ...]]] = {bot: [] for bot in bots}
        for bot, script in zip(cycle(bots), sorted(_scripts(), key=len), strict=False):
            deaths[bot].append(script)
        async with traffic(stage, contacts=BOTS, seed=11) as crowd:
            alive = await asyncio.gather(
                *(_die_at_each(stage, plan, bot, scripts) for bot, scripts in deaths.items()), return_exceptions=True
            )
            await stage.running()
            verdict = await verdict_of(crowd)
        assert not [failure for failure in alive if failure]
        assert_clean(verdict)
        await assert_single_sessions(stage)


async def _die_at_each(stage: Stage, plan: KillPlan, bot: str, scripts: list[tuple[str, ...]]) -> None:
    for script in scripts:
        for attempt in range(ATTEMPTS):
            await stage.running([bot])
            plan.arm(bot, *(label for label in script if label != _KILL))
            if _KILL in script:
                await eventually(lambda: _kill_worker(stage, bot), within=30, what=f"{bot} has a worker")
            # A successor only takes up what was not sent when no newer message makes it decide anew: then, once more.
            patient = attempt + 1 == ATTEMPTS
            with nullcontext() if patient else suppress(AssertionError):
                await eventually(lambda: not plan.armed(bot), within=20, what=f"{bot} passes {script}")
                break
    await stage.running([bot])


async def _kill_worker(stage: Stage, bot: str) -> bool:
    """False while there is none to kill."""
    try:
        os.kill((await workers(stage))[bot], signal.SIGKILL)
    except (KeyError, ProcessLookupError):
        return False
    return True
