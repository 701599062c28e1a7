"""Two supervisors, one lead."""

import asyncio
import os
import subprocess
import sys
from contextlib import suppress

import pytest

from hanfleet.core.process import ProcessRef
from hanfleet.kit.clock import SystemClock
from hanfleet.launchers.process_table import boot_id, node_name, ref_of
from hanfleet.supervisor.leader import Leadership
from hanfleet.supervisor.leases import LeaseWatch
from tests.support.database import SYSTEM, Database
from tests.support.waiting import eventually


class Candidate:
    """A supervisor that does nothing but lead."""

    def __init__(self, database: Database, ttl_s: float = 1.0) -> None:
        clock = SystemClock()
        ref = ref_of(os.getpid(), node_name())
        assert ref
        watch = LeaseWatch(node_name(), clock)
        self.leadership = Leadership(database.supervisor, ref, watch, clock, ttl_s=ttl_s, poll_s=0.05)
        self.leading = False
        self.times = 0
        self.done = asyncio.Event()
        self.trouble: Exception | None = None
        self.task = asyncio.create_task(self.leadership.run(self._lead))

    async def _lead(self) -> None:
        self.leading = True
        self.times += 1
        try:
            await self.done.wait()
            if self.trouble:
                raise self.trouble
        finally:
            self.leading = False

    async def end(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


@pytest.fixture
async def candidates(database):
    made = []

    def make(**options):
        made.append(Candidate(database, **options))
        return made[-1]

    yield make
    for candidate in made:
        await candidate.end()


async def test_one_leads_the_other_follows_when_the_lead_is_handed_back(candidates):
    first = candidates()
    await eventually(lambda: first.leading)
    second = candidates()
    await asyncio.sleep(1.5)  # longer than the lease: it is being renewed
    assert first.leading
    assert not second.leading
    first.done.set()
    await first.task
    await eventually(lambda: second.leading, within=1.0, what="the second leads at once")
    assert not first.leadership.leads
    assert second.leadership.leads


async def test_dead_leader_of_this_node_is_not_waited_for(candidates, database):
    dead = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ref = ref_of(dead.pid, node_name())
    assert ref
    async with database.supervisor.transaction(SYSTEM) as tx:
        assert await tx.leases.acquire_leader(ref, 600.0)
    heir = candidates()
    await asyncio.sleep(0.3)
    assert not heir.leading
    dead.kill()
    dead.communicate()
    await eventually(lambda: heir.leading, within=2.0)


async def test_leader_of_another_node_is_waited_for_until_its_lease_expires(candidates, database):
    there = ProcessRef("another node", boot_id(), 1, 1)
    async with database.supervisor.transaction(SYSTEM) as tx:
        assert await tx.leases.acquire_leader(there, 1.0)
    heir = candidates()
    await asyncio.sleep(0.4)
    assert not heir.leading
    await eventually(lambda: heir.leading, within=3.0)
    async with database.supervisor.transaction(SYSTEM) as tx:
        kinds = [event.type for event in await tx.events.list()]
    assert kinds.count("system.supervisor.leader_elected") == 1


async def test_leader_that_was_replaced_stops_leading_and_stands_by(candidates, database):
    first = candidates()
    await eventually(lambda: first.leading)
    async with database.supervisor.transaction(SYSTEM) as tx:
        await tx.leases.force_expire("supervisor")
        assert await tx.leases.acquire_leader(ProcessRef("another node", "boot", 1, 1), 1.5)
    await eventually(lambda: not first.leading, within=3.0)
    await eventually(lambda: first.leading, within=5.0, what="it leads again when the other is gone")
    assert first.times == 2


async def test_leader_that_breaks_hands_the_lead_back_and_says_why(candidates):
    first = candidates()
    await eventually(lambda: first.leading)
    first.trouble = RuntimeError("broken")
    first.done.set()
    with pytest.raises(RuntimeError, match="broken"):
        await first.task
    second = candidates()
    await eventually(lambda: second.leading, within=1.0)
    first.task = asyncio.create_task(asyncio.sleep(0))
