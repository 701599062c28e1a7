"""The supervisor's loop with real parts: what operators want comes about, whoever dies meanwhile."""

import asyncio
import os
import signal
import time
from dataclasses import replace
from itertools import pairwise

from pydantic import SecretStr

from hanfleet.core.failures import FailureKind
from hanfleet.core.process import HealthVerdict
from hanfleet.core.startup import WorkerLimits
from hanfleet.core.states import BotState, DesiredState
from hanfleet.launchers.process_table import is_alive
from tests.support.database import SYSTEM
from tests.support.fleets import Rig
from tests.support.launchers import nobody
from tests.support.waiting import eventually
from tests.support.zygotes import startup_of

RUNNING, STOPPED, FAILED = BotState.RUNNING, BotState.STOPPED, BotState.FAILED


async def test_bot_comes_up_goes_down_and_comes_up_again(rig):
    async with rig.running() as fleet:
        await rig.add("anna")
        await rig.until("anna", RUNNING)
        await eventually(lambda: fleet.health["anna"].verdict is HealthVerdict.HEALTHY)
        first = await rig.holder("anna")
        await rig.want("anna", DesiredState.STOPPED)
        await rig.until("anna", STOPPED)
        assert not is_alive(first)
        assert "released" in (rig.folder / "anna.log").read_text()
        await rig.want("anna", DesiredState.RUNNING)
        await rig.until("anna", RUNNING)
        assert (await rig.lease("anna")).epoch >= 2
        await rig.want("anna", DesiredState.STOPPED)
        await rig.until("anna", STOPPED)
    kinds = await rig.events("anna")
    assert kinds.count("bot.lifecycle.started") == kinds.count("bot.lifecycle.stopped") == 2
    assert "error.bot.failed" not in kinds


async def test_killed_worker_is_back_within_a_second(rig):
    async with rig.running():
        await rig.add("anna")
        await rig.until("anna", RUNNING)
        first = await rig.holder("anna")
        began = time.monotonic()
        os.kill(first.pid, signal.SIGKILL)

        async def replaced() -> bool:
            row = await rig.row("anna")
            return row.status is RUNNING and (await rig.holder("anna")) not in {first, None}

        await eventually(replaced, what="another worker runs")
        print(f"back after {time.monotonic() - began:.3f} s")
        assert time.monotonic() - began < 2.0
        assert "error.bot.failed" in await rig.events("anna")
        await rig.want("anna", DesiredState.STOPPED)
        await rig.until("anna", STOPPED)


async def test_stalled_worker_is_dead_before_the_next_one_starts(rig):
    async with rig.running():
        await rig.add("anna")
        await rig.until("anna", RUNNING)
        first = await rig.holder("anna")
        os.kill(first.pid, signal.SIGSTOP)

        async def replaced() -> bool:
            lease = await rig.lease("anna")
            # At no moment may the next epoch be out while the old holder lives.
            assert lease.epoch == 1 or not is_alive(first)
            return lease.epoch > 1 and lease.holder is not None

        await eventually(replaced, within=15, what="the stalled worker is replaced")
        await rig.until("anna", RUNNING)
        assert "error.health.check_failed" in await rig.events("anna")
        await rig.want("anna", DesiredState.STOPPED)
        await rig.until("anna", STOPPED)


async def test_new_supervisor_adopts_living_workers_and_restarts_dead_ones(rig):
    async with rig.running():
        for bot_id in ("anna", "boris"):
            await rig.add(bot_id)
            await rig.until(bot_id, RUNNING)
    anna, boris = await rig.holder("anna"), await rig.holder("boris")
    assert is_alive(anna)
    assert is_alive(boris)
    os.kill(boris.pid, signal.SIGKILL)
    async with rig.running() as fleet:
        await eventually(lambda: fleet.process_of("anna") is not None, what="anna is adopted")

        async def replaced() -> bool:
            return (await rig.lease("boris")).epoch >= 2 and (await rig.row("boris")).status is RUNNING

        await eventually(replaced, what="boris has a new worker")
        assert await rig.holder("anna") == anna
        assert (await rig.lease("anna")).epoch == 1
        for bot_id in ("anna", "boris"):
            await rig.holder(bot_id)
            await rig.want(bot_id, DesiredState.STOPPED)
            await rig.until(bot_id, STOPPED)


async def test_killed_zygote_costs_nobody_anything(mortal_rig):
    async with mortal_rig.running():
        await mortal_rig.add("anna")
        await mortal_rig.until("anna", RUNNING)
        anna = await mortal_rig.holder("anna")
        mortal_rig.zygote.end(signal.SIGKILL)
        # A start has to wait for the next zygote.
        await mortal_rig.add("boris")

        async def granted() -> bool:
            async with mortal_rig.database.supervisor.transaction(SYSTEM) as tx:
                return await tx.leases.get("bot:boris") is not None

        await eventually(granted)
        assert (await mortal_rig.row("boris")).status is BotState.STARTING
        mortal_rig.zygote.start()
        await mortal_rig.until("boris", RUNNING)
        assert await mortal_rig.holder("anna") == anna
        assert is_alive(anna)
        # The orphan's death is seen all the same, though nobody here can know its status.
        os.kill(anna.pid, signal.SIGKILL)

        async def replaced() -> bool:
            return (await mortal_rig.lease("anna")).epoch >= 2 and (await mortal_rig.row("anna")).status is RUNNING

        await eventually(replaced, what="anna has a new worker")
        for bot_id in ("anna", "boris"):
            await mortal_rig.holder(bot_id)
            await mortal_rig.want(bot_id, DesiredState.STOPPED)
            await mortal_rig.until(bot_id, STOPPED)


async def test_what_a_restart_cannot_heal_waits_for_a_person(rig):
    async with rig.running():
        await rig.add("reauth-one")
        row = await rig.until("reauth-one", FAILED)
        assert row.failure_kind is FailureKind.REAUTH
        epoch = (await rig.lease("reauth-one")).epoch
        await asyncio.sleep(3 * rig.settings.interval_s)
        assert (await rig.lease("reauth-one")).epoch == epoch == 1
        async with rig.database.api.transaction(SYSTEM) as tx:
            await tx.bots.request_restart("reauth-one")

        async def tried_again() -> bool:
            return bool((await rig.lease("reauth-one")).epoch >= 2)

        await eventually(tried_again, what="one more try")
        await rig.until("reauth-one", FAILED)
        await rig.want("reauth-one", DesiredState.STOPPED)
        row = await rig.until("reauth-one", STOPPED)
        assert row.failure_kind is None


async def test_what_waited_before_a_worker_ran_is_not_held_against_it(rig):
    """It gets the whole time to answer; without that each successor would be killed as soon as it can be judged."""
    patience = 2.5
    assert patience > rig.settings.health.beat_lost_s  # a new leader judges nothing before
    rig.settings = replace(rig.settings, health=replace(rig.settings.health, unanswered_lost_s=patience))
    async with rig.running():
        await rig.add("owing-one")
        began = time.monotonic()
        await rig.until("owing-one", RUNNING)

        async def ended() -> bool:
            return "error.health.check_failed" in await rig.events("owing-one")

        await eventually(ended, what="it is ended for what it owes itself")
        assert time.monotonic() - began > patience
        await rig.want("owing-one", DesiredState.STOPPED)
        await rig.until("owing-one", STOPPED)


async def test_dying_bot_trips_its_own_breaker_only(rig):
    async with rig.running():
        await rig.add("dying-one")
        await rig.add("anna")
        await rig.until("anna", RUNNING)

        async def tripped() -> bool:
            row = await rig.row("dying-one")
            return bool(row.status is FAILED and row.failures >= 4)

        await eventually(tripped, what="the breaker is open")
        epoch = (await rig.lease("dying-one")).epoch
        row = await rig.row("dying-one")
        assert (row.not_before - row.status_since).total_seconds() >= 30
        await asyncio.sleep(3 * rig.settings.interval_s)
        assert (await rig.lease("dying-one")).epoch == epoch
        assert (await rig.row("anna")).status is RUNNING
        await rig.want("anna", DesiredState.STOPPED)
        await rig.until("anna", STOPPED)


async def test_waiting_for_a_login_is_starting_and_says_so(rig):
    async with rig.running():
        await rig.add("login-one")

        async def says_so() -> bool:
            row = await rig.row("login-one")
            return row.status is BotState.STARTING and "hanfleet bots login login-one" in row.status_reason

        await eventually(says_so)
        await rig.holder("login-one")
        await rig.want("login-one", DesiredState.STOPPED)
        await rig.until("login-one", STOPPED)


async def test_second_worker_of_an_old_epoch_is_refused(rig):
    """A second launcher, with everything it needs but the current epoch."""
    async with rig.running():
        await rig.add("anna")
        await rig.until("anna", RUNNING)
        first = await rig.holder("anna")
    # The supervisor is away, or it would grant anew while we try: our log-in ends that of the first worker, which hears
    # of it only later, or it might come back with its old password in the very moment in which this changes.
    assert first
    os.kill(first.pid, signal.SIGSTOP)
    log_in = SecretStr((await rig.database.provisioner.rotate("anna")).url)
    second = startup_of("anna", epoch=1).model_copy(update={"database_url": log_in})
    process = await rig.zygote.launcher().launch(second, WorkerLimits(), rig.folder / "second.log", nobody)
    status = await process.wait()
    assert status.exit_status == FailureKind.FENCED.exit_status
    assert "fenced at the claim" in (rig.folder / "second.log").read_text()
    lease = await rig.lease("anna")
    assert (lease.epoch, lease.holder) == (1, first)
    os.kill(first.pid, signal.SIGCONT)
    async with rig.running():
        await eventually(lambda: _granted_anew(rig, "anna", 1))
        await rig.until("anna", RUNNING)
        await rig.want("anna", DesiredState.STOPPED)
        await rig.until("anna", STOPPED)


async def _granted_anew(rig: Rig, bot_id: str, epoch: int) -> bool:
    return (await rig.lease(bot_id)).epoch > epoch


async def test_bot_without_a_data_key_fails_with_a_sentence(rig):
    async with rig.running():
        async with rig.database.api.transaction(SYSTEM) as tx:
            await tx.bots.add("anna", {"name": "Anna"}, desired=DesiredState.RUNNING)
        row = await rig.until("anna", FAILED)
        assert row.failure_kind is FailureKind.CONFIG
        assert "data key" in row.status_reason


async def test_erased_bot_leaves_nothing(rig):
    async with rig.running():
        await rig.add("anna")
        await rig.until("anna", RUNNING)
        holder = await rig.holder("anna")
        await rig.want("anna", DesiredState.ERASED)

        async def gone() -> bool:
            async with rig.database.supervisor.transaction(SYSTEM) as tx:
                return await tx.bots.get("anna") is None

        await eventually(gone, what="the bot is gone")
        assert not is_alive(holder)
        assert not (rig.folder / "anna.log").exists()
        # The same name again is another bot, and its epochs go on where they were.
        await rig.add("anna")
        await rig.until("anna", RUNNING)
        assert (await rig.lease("anna")).epoch >= 2
        await rig.want("anna", DesiredState.STOPPED)
        await rig.until("anna", STOPPED)


async def test_end_of_the_fleet_drains_everybody(rig):
    bots = [f"bot-{number}" for number in range(5)]
    async with rig.running() as fleet:
        for bot_id in bots:
            await rig.add(bot_id)
        for bot_id in bots:
            await rig.until(bot_id, RUNNING)
    # A supervisor that has not looked yet finds them all the same.
    holders = [await rig.holder(bot_id) for bot_id in bots]
    fleet = rig.fleet()
    await fleet.stop_all("The fleet is being stopped.")
    assert not any(is_alive(holder) for holder in holders)
    for bot_id in bots:
        row = await rig.row(bot_id)
        assert (row.status, row.desired_state) == (STOPPED, DesiredState.RUNNING)
    async with rig.running():
        for bot_id in bots:
            await rig.until(bot_id, RUNNING)
            await rig.want(bot_id, DesiredState.STOPPED)
        for bot_id in bots:
            await rig.until(bot_id, STOPPED)


async def test_who_hurries_it_all_the_time_gets_a_look_now_and_then(rig):
    """A notification costs any bot next to nothing, a look costs us reading every bot; the first is answered at once."""
    least_s = 0.4
    rig.settings = replace(rig.settings, interval_s=60.0, least_s=least_s)
    looks: list[float] = []
    transaction = rig.database.supervisor.transaction

    def counted(principal):
        looks.append(time.monotonic())
        return transaction(principal)

    async with rig.running() as fleet:
        await eventually(lambda: fleet.health is not None)
        rig.database.supervisor.transaction = counted
        await asyncio.sleep(least_s)
        began = time.monotonic()
        while len(looks) < 4:
            fleet.hurry()
            await asyncio.sleep(0.002)
        rig.database.supervisor.transaction = transaction
    assert looks[0] - began < least_s
    assert all(later - sooner > 0.9 * least_s for sooner, later in pairwise(looks))
