"""Leases by the database's clock: one holder per epoch, and an old epoch can do nothing."""

from dataclasses import replace

import pytest

from hanfleet.core.errors import ConflictError
from hanfleet.core.process import ProcessRef
from hanfleet.core.states import WorkerPhase
from hanfleet.store.leases import SUPERVISOR_LEASE, lease_of
from hanfleet.store.records import Beat
from tests.integration.store.conversation_steps import NOON
from tests.support.database import SYSTEM, BotLogIn, Database

ME = ProcessRef("node", "boot", 10, 100)
OTHER = ProcessRef("node", "boot", 11, 100)


async def add_bot(database: Database) -> BotLogIn:
    """Whose worker is this very process."""
    bot = await database.add_bot()
    async with database.supervisor.transaction(SYSTEM) as tx:
        await tx.leases.name_holder(lease_of("anna"), bot.epoch, ME)
    return bot


async def test_a_grant_is_claimed_by_the_process_that_is_named_and_by_no_other(database: Database) -> None:
    bot = await database.add_bot()
    async with bot.store.transaction(bot.principal) as tx:
        assert not await tx.leases.claim(bot.epoch, ME, 15)
        assert not await tx.leases.renew(bot.epoch, 15)
    async with database.supervisor.transaction(SYSTEM) as tx:
        await tx.leases.name_holder(lease_of("anna"), bot.epoch, ME)
    async with bot.store.transaction(bot.principal) as tx:
        assert not await tx.leases.claim(bot.epoch + 1, ME, 15)
        assert await tx.leases.claim(bot.epoch, ME, 15)
        # Another node's name, and the lease stays where it was granted.
        assert await tx.leases.claim(bot.epoch, replace(ME, node="elsewhere"), 15)
        assert not await tx.leases.claim(bot.epoch, OTHER, 15)
        assert await tx.leases.renew(bot.epoch, 15)
    async with database.supervisor.transaction(SYSTEM) as tx:
        lease = await tx.leases.get(lease_of("anna"))
    assert lease is not None
    assert (lease.holder, lease.expired, lease.epoch) == (ME, False, bot.epoch)


async def test_an_expired_lease_is_renewed_until_it_is_granted_anew(database: Database) -> None:
    bot = await add_bot(database)
    async with bot.store.transaction(bot.principal) as tx:
        await tx.leases.claim(bot.epoch, ME, 15)
    async with database.supervisor.transaction(SYSTEM) as tx:
        await tx.leases.force_expire(lease_of("anna"))
        lease = await tx.leases.get(lease_of("anna"))
        assert lease is not None
        assert lease.expired
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.leases.renew(bot.epoch, 15)
    async with database.supervisor.transaction(SYSTEM) as tx:
        assert await tx.leases.grant(lease_of("anna"), 15, judged=lease) == bot.epoch + 1
        lease = await tx.leases.get(lease_of("anna"))
        assert lease is not None
        assert lease.holder is None
    async with bot.store.transaction(bot.principal) as tx:
        assert not await tx.leases.renew(bot.epoch, 15)
        assert not await tx.leases.claim(bot.epoch, ME, 15)
        assert not await tx.heartbeats.beat(bot.epoch, Beat(WorkerPhase.RUNNING))


async def test_two_supervisors_cannot_both_grant(database: Database) -> None:
    bot = await database.add_bot()
    async with database.supervisor.transaction(SYSTEM) as tx:
        judged = await tx.leases.get(lease_of("anna"))
        await tx.leases.grant(lease_of("anna"), 15, judged=judged)
    with pytest.raises(ConflictError, match="somebody else"):
        async with database.supervisor.transaction(SYSTEM) as tx:
            await tx.leases.grant(lease_of("anna"), 15, judged=judged)
    with pytest.raises(ConflictError, match="somebody else"):
        async with database.supervisor.transaction(SYSTEM) as tx:
            await tx.leases.name_holder(lease_of("anna"), bot.epoch, ME)


async def test_a_lease_that_got_its_holder_meanwhile_is_not_granted(database: Database) -> None:
    """The one who judged that nobody holds it did not see the worker of the other supervisor."""
    bot = await database.add_bot()
    async with database.supervisor.transaction(SYSTEM) as tx:
        judged = await tx.leases.get(lease_of("anna"))
        await tx.leases.name_holder(lease_of("anna"), bot.epoch, ME)
        with pytest.raises(ConflictError, match="somebody else"):
            await tx.leases.grant(lease_of("anna"), 15, judged=judged)
        with pytest.raises(ConflictError, match="somebody else"):
            await tx.leases.name_holder(lease_of("anna"), bot.epoch, OTHER)
        assert await tx.leases.grant(lease_of("anna"), 15, judged=await tx.leases.get(lease_of("anna"))) == 2


async def test_a_released_lease_is_expired_and_nobody_else_can_claim_it(database: Database) -> None:
    bot = await add_bot(database)
    async with bot.store.transaction(bot.principal) as tx:
        await tx.leases.claim(bot.epoch, ME, 15)
        await tx.leases.release(bot.epoch)
        assert not await tx.leases.claim(bot.epoch, OTHER, 15)
    async with database.supervisor.transaction(SYSTEM) as tx:
        (lease,) = await tx.leases.all()
    assert (lease.expired, lease.holder) == (True, ME)


async def test_one_supervisor_leads(database: Database) -> None:
    async with database.supervisor.transaction(SYSTEM) as tx:
        first = await tx.leases.acquire_leader(ME, 15)
        assert first is not None
        assert (first.holder, first.epoch) == (ME, 1)
        assert await tx.leases.acquire_leader(OTHER, 15) is None
        assert await tx.leases.renew_leader(1, 15)
        await tx.leases.release_leader(1)
    async with database.supervisor.transaction(SYSTEM) as tx:
        second = await tx.leases.acquire_leader(OTHER, 15)
        assert second is not None
        assert second.epoch == 2
        assert not await tx.leases.renew_leader(1, 15)
        await tx.leases.force_expire(SUPERVISOR_LEASE)
        third = await tx.leases.acquire_leader(ME, 15)
        assert third is not None
        assert third.epoch == 3


async def test_a_heartbeat_says_what_the_worker_said(database: Database) -> None:
    bot = await database.add_bot()
    beat = Beat(WorkerPhase.RUNNING, 1.5, True, NOON, NOON, 60.0, 20.0, 3, 2, 12.5)
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.heartbeats.beat(bot.epoch, Beat(WorkerPhase.STARTING))
        assert await tx.heartbeats.beat(bot.epoch, beat)
    async with database.api.transaction(SYSTEM) as tx:
        (row,) = await tx.heartbeats.all()
        assert await tx.heartbeats.get("anna") is not None
        assert await tx.heartbeats.get("nobody") is None
    assert (row.beat, row.epoch, row.bot_id) == (beat, bot.epoch, "anna")
    assert 0 <= row.age_s < 60
