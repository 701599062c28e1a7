"""A fleet for tests: real database, real zygote, real workers of the tests' own; the supervisor's loop in the test."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hanfleet.core.process import Lease, ProcessRef
from hanfleet.core.startup import WorkerLimits
from hanfleet.core.states import BotState, DesiredState
from hanfleet.kit.backoff import Backoff
from hanfleet.kit.clock import SystemClock
from hanfleet.launchers.exit_records import read_exit
from hanfleet.launchers.port import Launcher
from hanfleet.launchers.process_table import node_name
from hanfleet.store.records import BotRow
from hanfleet.supervisor.fleet import Fleet, FleetSettings
from hanfleet.supervisor.health import HealthLimits
from hanfleet.supervisor.leases import LeaseWatch
from hanfleet.supervisor.reconciler import Rules
from hanfleet.supervisor.restart_policy import RestartPolicy, RestartSettings
from hanfleet.supervisor.starter import Starter, StartSettings
from hanfleet.vault import MasterKey
from tests.support.database import SYSTEM, Database
from tests.support.waiting import eventually
from tests.support.zygotes import ZygoteProcess

MASTER = MasterKey(bytes(32))
QUICK = FleetSettings(
    interval_s=0.2,
    eager_s=0.02,
    drain_s=2.0,
    rules=Rules(start_within_s=10.0),
    health=HealthLimits(beat_late_s=0.8, beat_lost_s=1.5),
)


@dataclass
class Rig:
    """``run`` is a supervisor's fleet; leave its block and it is gone, with every worker left alive."""

    database: Database
    zygote: ZygoteProcess
    folder: Path
    settings: FleetSettings = QUICK
    launcher: Launcher | None = None
    clock: SystemClock = field(default_factory=SystemClock)

    def starter(self) -> Starter:
        return Starter(
            store=self.database.supervisor,
            launcher=self.launcher or self.zygote.launcher(),
            roles=self.database.provisioner,
            bus_users=None,
            leases=self.watch(),
            unwrap=MASTER.unwrap,
            settings=StartSettings(log_dir=self.folder, limits=WorkerLimits(), lease_ttl_s=3.0, heartbeat_s=0.2),
        )

    def watch(self) -> LeaseWatch:
        return LeaseWatch(node_name(), self.clock)

    def fleet(self) -> Fleet:
        return Fleet(
            store=self.database.supervisor,
            launcher=self.launcher or self.zygote.launcher(),
            starter=self.starter(),
            leases=self.watch(),
            policy=RestartPolicy(
                RestartSettings(backoff=Backoff(first_s=0.05, longest_s=0.2), intensity=4, open_s=30.0),
                random.Random(1),
            ),
            exit_of=partial(read_exit, self.zygote.exits),
            clock=self.clock,
            settings=self.settings,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Fleet]:
        fleet = self.fleet()
        loop = asyncio.create_task(fleet.run())
        try:
            yield fleet
        finally:
            loop.cancel()
            with suppress(asyncio.CancelledError):
                await loop

    async def add(self, bot_id: str, *, desired: DesiredState = DesiredState.RUNNING) -> None:
        async with self.database.api.transaction(SYSTEM) as tx:
            await tx.bots.add(bot_id, {"name": bot_id}, desired=desired)
            await tx.keys.add(bot_id, MASTER.wrap(bot_id, bytes(32)))

    async def want(self, bot_id: str, desired: DesiredState) -> None:
        async with self.database.api.transaction(SYSTEM) as tx:
            await tx.bots.set_desired(bot_id, desired)

    async def row(self, bot_id: str) -> BotRow:
        async with self.database.supervisor.transaction(SYSTEM) as tx:
            row = await tx.bots.get(bot_id)
        assert row
        return row

    async def lease(self, bot_id: str) -> Lease:
        async with self.database.supervisor.transaction(SYSTEM) as tx:
            lease = await tx.leases.get(f"bot:{bot_id}")
        assert lease
        return lease

    async def until(self, bot_id: str, status: BotState, *, within: float = 10.0) -> BotRow:
        async def there() -> BotRow | None:
            row = await self.row(bot_id)
            return row if row.status is status else None

        row: BotRow = await eventually(there, within=within, what=f"{bot_id} is {status}")
        async with self.database.supervisor.transaction(SYSTEM) as tx:
            lease = await tx.leases.get(f"bot:{bot_id}")
        self.zygote.remember(lease.holder if lease else None)
        return row

    async def holder(self, bot_id: str) -> ProcessRef | None:
        holder = (await self.lease(bot_id)).holder
        self.zygote.remember(holder)
        return holder

    async def events(self, bot_id: str) -> list[str]:
        async with self.database.supervisor.transaction(SYSTEM) as tx:
            return [event.type for event in await tx.events.list(bot_id=bot_id)]
