"""The supervisor as a process: puts store, bus, vault and launcher together, and leads the fleet when nobody else does.

How it ends: SIGTERM drains every worker and hands the lead back (`hanfleet up` is being stopped; what operators want of
the bots stays in their rows, so the next start brings them back). SIGUSR1 hands the lead back and leaves the workers
answering (an upgrade). SIGKILL leaves them too; the next supervisor adopts them.
"""

import asyncio
import os
import random
import signal
import sys
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from urllib.parse import parse_qs, unquote, urlsplit

from hanfleet.app.audit_heads import HeadsExport, HeadsFile
from hanfleet.app.payloads import SupervisorPayload
from hanfleet.app.startup_channel import read_startup
from hanfleet.bus import BotUses, Bus, BusProvisioner, IPCManager, open_bus
from hanfleet.core.errors import BusUnavailableError, HanfleetError, StoreUnavailableError
from hanfleet.kit.clock import Clock, SystemClock
from hanfleet.kit.logging import configure_logging, get_logger
from hanfleet.launchers import launcher_named
from hanfleet.launchers.exit_records import read_exit, sweep
from hanfleet.launchers.process_table import ref_of
from hanfleet.store.bot_sessions import BotSessions
from hanfleet.store.bots import DESIRED_CHANNEL
from hanfleet.store.provisioner import Provisioner
from hanfleet.store.session import Store
from hanfleet.supervisor.bus_watch import BusWatch
from hanfleet.supervisor.door_watch import DoorWatch
from hanfleet.supervisor.expulsion import Expulsion
from hanfleet.supervisor.fleet import Fleet, FleetSettings
from hanfleet.supervisor.health import HealthLimits
from hanfleet.supervisor.knocks import knocks_of
from hanfleet.supervisor.leader import Leadership
from hanfleet.supervisor.leases import LeaseWatch
from hanfleet.supervisor.reconciler import Rules
from hanfleet.supervisor.relay import Relay
from hanfleet.supervisor.restart_policy import RestartPolicy, RestartSettings
from hanfleet.supervisor.retention import Retention
from hanfleet.supervisor.server_process import ServerProcesses
from hanfleet.supervisor.session_watch import SessionWatch
from hanfleet.supervisor.starter import SUPERVISOR, Starter, StartSettings
from hanfleet.vault import MasterKey

_LAST_EVENTS_WITHIN_S = 2.0
_CHORES_EVERY_S = 6 * 3600.0
_RECORDS_KEPT = timedelta(days=2)
_HEADS_EVERY_S = 60.0
_LAST_HEADS_WITHIN_S = 2.0

_log = get_logger("supervisor")


@dataclass
class Ending:
    """Set by a signal: that this process shall end, and whether its workers shall, too."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    with_workers: bool = False

    def ask(self, with_workers: bool) -> None:
        self.with_workers = self.with_workers or with_workers
        self.asked.set()


class Supervisor:
    """The parts of one supervisor process; ``lead`` runs them for one leadership."""

    def __init__(
        self, payload: SupervisorPayload, store: Store, relay_store: Store, bus: Bus, clock: Clock, ending: Ending
    ) -> None:
        self._payload = payload
        self._store = store
        self._clock = clock
        self._ending = ending
        ipc = IPCManager(bus)
        self.leases = LeaseWatch(payload.node, clock)
        self._launcher = launcher_named("process")(
            payload.zygote_socket, payload.exits_dir, node=payload.node, clock=clock, route=ipc.send_command
        )
        roles = Provisioner(payload.provisioner_url.get_secret_value())
        bus_users = BusProvisioner(bus)
        sessions = BotSessions(payload.provisioner_url.get_secret_value())
        from_database = Expulsion(sessions.fence, store, self.leases).shut_out
        processes = ServerProcesses(payload.postgres_pid_file)
        self._watch = SessionWatch(store, sessions, from_database, clock, processes=processes)
        self._bus_watch = BusWatch(
            store, BotUses(bus), Expulsion(bus_users.shut_out, store, self.leases).shut_out, clock
        )
        doors = _unix_sockets(payload)
        self._door_watch = DoorWatch(store, knocks_of(store, doors) if doors else None, from_database, clock)
        self._starter = Starter(
            store=store,
            launcher=self._launcher,
            roles=roles,
            bus_users=bus_users,
            leases=self.leases,
            unwrap=MasterKey(payload.master_key.get_secret_value()).unwrap,
            settings=StartSettings(
                log_dir=payload.bot_logs,
                limits=payload.limits,
                lease_ttl_s=payload.lease_ttl_s,
                heartbeat_s=payload.heartbeat_s,
                telegram_server=payload.telegram_server,
            ),
        )
        self._relay = Relay(relay_store, ipc.producer, from_database, clock)
        self._retention = Retention(
            store,
            clock,
            events=timedelta(days=payload.keep_events_days),
            metrics=timedelta(days=payload.keep_metrics_days),
            audit=timedelta(days=payload.keep_audit_days),
        )
        self._heads = HeadsExport(store, SUPERVISOR, HeadsFile(payload.audit_heads, makes_folder=True), clock)

    async def lead(self) -> None:
        """Keep the fleet as it is wanted, until the end is asked for or the leadership is lost (cancelled)."""
        fleet = self._fleet()
        loops = [
            asyncio.create_task(fleet.run(), name="fleet"),
            asyncio.create_task(self._relay.run(), name="relay"),
            asyncio.create_task(self._watch.run(), name="watch"),
            asyncio.create_task(self._bus_watch.run(), name="bus watch"),
            asyncio.create_task(self._door_watch.run(), name="door watch"),
            asyncio.create_task(self._hints(fleet), name="hints"),
            asyncio.create_task(self._chores(), name="chores"),
            asyncio.create_task(self._heads.run(_HEADS_EVERY_S), name="heads"),
        ]
        asked = asyncio.create_task(self._ending.asked.wait(), name="ending")
        try:
            done, _ = await asyncio.wait({*loops, asked}, return_when=asyncio.FIRST_COMPLETED)
            for loop in done - {asked}:
                loop.result()  # none of them ends but by an error
            if self._ending.with_workers:
                await fleet.stop_all("The fleet is being stopped.")
                await self._last_events()
            await self._last_heads()
        finally:
            for task in (*loops, asked):
                task.cancel()
            await asyncio.gather(*loops, asked, return_exceptions=True)

    def _fleet(self) -> Fleet:
        payload = self._payload
        return Fleet(
            store=self._store,
            launcher=self._launcher,
            starter=self._starter,
            leases=self.leases,
            policy=RestartPolicy(RestartSettings(), random.SystemRandom()),
            exit_of=partial(read_exit, payload.exits_dir),
            clock=self._clock,
            settings=FleetSettings(
                drain_s=payload.drain_s,
                rules=Rules(max_bots=payload.max_bots),
                health=HealthLimits(beat_late_s=payload.heartbeat_s * 3, beat_lost_s=payload.lease_ttl_s),
            ),
        )

    async def _hints(self, fleet: Fleet) -> None:
        async with self._store.listen(DESIRED_CHANNEL) as hints:
            while True:
                if await hints.wait(60.0):
                    fleet.hurry()

    async def _chores(self) -> None:
        """What has to be done now and then: partitions for the months to come, what is too old to be kept."""
        while True:
            await self._retention.run()
            sweep(self._payload.exits_dir, older_than=self._clock.now() - _RECORDS_KEPT)
            await self._clock.sleep(_CHORES_EVERY_S)

    async def _last_events(self) -> None:
        with suppress(BusUnavailableError, StoreUnavailableError, TimeoutError):
            async with asyncio.timeout(_LAST_EVENTS_WITHIN_S):
                while await self._relay.publish_due():
                    pass

    async def _last_heads(self) -> None:
        with suppress(StoreUnavailableError, OSError):
            async with asyncio.timeout(_LAST_HEADS_WITHIN_S):
                await self._heads.once()


def _unix_sockets(payload: SupervisorPayload) -> list[str]:
    """Where database and bus listen, as far as that is on this machine's file system."""
    database, bus = urlsplit(payload.database_url.get_secret_value()), urlsplit(payload.redis_url.get_secret_value())
    asked = parse_qs(database.query)
    folder, port = asked.get("host", [""])[0], asked.get("port", [str(database.port or 5432)])[0]
    found = [f"{folder}/.s.PGSQL.{port}"] if folder.startswith("/") else []
    return [*found, unquote(bus.path)] if bus.scheme == "unix" else found


async def supervise(payload: SupervisorPayload) -> None:
    """Stand by or lead, until a signal ends it."""
    clock = SystemClock()
    ending = Ending()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ending.ask, True)
    loop.add_signal_handler(signal.SIGUSR1, ending.ask, False)
    # Ctrl-C in a terminal is for `hanfleet up`, which stops everything in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    async with AsyncExitStack() as exits:
        store = Store(
            payload.database_url.get_secret_value(), clock=clock, application_name="hanfleet supervisor", pool_size=2
        )
        exits.push_async_callback(store.close)
        relay_store = Store(payload.relay_url.get_secret_value(), clock=clock, application_name="hanfleet relay")
        exits.push_async_callback(relay_store.close)
        await store.run(SUPERVISOR, lambda tx: tx.schema.check())
        bus = await exits.enter_async_context(
            open_bus(payload.redis_url.get_secret_value(), clock=clock, name="hanfleet-supervisor")
        )
        supervisor = Supervisor(payload, store, relay_store, bus, clock, ending)
        me = ref_of(os.getpid(), payload.node)
        assert me is not None
        leadership = Leadership(store, me, supervisor.leases, clock)
        leading = asyncio.create_task(leadership.run(supervisor.lead), name="leadership")
        asked = asyncio.create_task(ending.asked.wait(), name="ending")
        await asyncio.wait({leading, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not leadership.leads:
            leading.cancel()
        with suppress(asyncio.CancelledError):
            await leading
        _log.info("the supervisor ends", with_workers=ending.with_workers)


def main() -> int:
    """The process' exit status."""
    payload = SupervisorPayload.from_wire(read_startup())
    configure_logging("supervisor", level=payload.log_level)
    try:
        asyncio.run(supervise(payload))
    except HanfleetError as error:
        _log.error("the supervisor ends", error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
