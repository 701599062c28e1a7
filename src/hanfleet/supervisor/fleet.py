"""The loop of the leader: look, reconcile, carry out; each bot in a task of its own, so none delays another.

Everything that it remembers between two looks (handles on workers, pauses) can be lost with it: handles come back by
adoption, pauses stand in the bots' rows. Refuses to judge; the reconciler does.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from hanfleet.core.errors import ConflictError, PermanentError, StoreUnavailableError, TemporaryError
from hanfleet.core.process import HealthStatus, Lease, ProcessPhase, ProcessStatus
from hanfleet.core.states import BotState, DesiredState, WorkerPhase
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.launchers.port import BotProcess, Launcher
from hanfleet.store.leases import lease_of
from hanfleet.store.records import BotRow, HeartbeatRow
from hanfleet.store.session import Store
from hanfleet.supervisor import actions as act
from hanfleet.supervisor.crew import Crew
from hanfleet.supervisor.health import HealthLimits, judge
from hanfleet.supervisor.leases import LeaseWatch
from hanfleet.supervisor.reconciler import Holder, Rules, View, reconcile
from hanfleet.supervisor.restart_policy import RestartPolicy
from hanfleet.supervisor.starter import SUPERVISOR, Starter
from hanfleet.supervisor.status_book import StatusBook
from hanfleet.supervisor.steps import Steps

_log = get_logger("fleet")
_DEFAULT_RETRY_S = 0.5

#: What the exit record of a dead process says (launchers.exit_records.read_exit, bound to its folder).
ExitOf = Callable[[int, int], int | None]


@dataclass(frozen=True)
class FleetSettings:
    """Seconds and counts. ``eager_s`` is the pace while a bot is on its way up; ``least_s``: between two looks, however
    many hurry.
    """

    interval_s: float = 1.0
    eager_s: float = 0.05
    least_s: float = 0.1
    drain_s: float = 10.0
    concurrent_starts: int = 4
    rules: Rules = field(default_factory=Rules)
    health: HealthLimits = field(default_factory=HealthLimits)


class Fleet:
    """One leader's hold on all bots, for the time of one leadership: ``run`` lets go of everything when it ends."""

    def __init__(
        self,
        *,
        store: Store,
        launcher: Launcher,
        starter: Starter,
        leases: LeaseWatch,
        policy: RestartPolicy,
        exit_of: ExitOf,
        clock: Clock,
        settings: FleetSettings,
    ) -> None:
        self._store = store
        self._leases = leases
        self._exit_of = exit_of
        self._clock = clock
        self._settings = settings
        self._wake = asyncio.Event()
        self._crew = Crew(clock, self.hurry)
        self._book = StatusBook(store)
        self._steps = Steps(
            book=self._book,
            crew=self._crew,
            starter=starter,
            launcher=launcher,
            policy=policy,
            clock=clock,
            drain_s=settings.drain_s,
            concurrent=settings.concurrent_starts,
        )
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._retry_at: dict[str, float] = {}
        self._health: dict[str, HealthStatus] = {}
        # A new leader has not seen whether the database was away: for a while silence proves nothing.
        self._blind_until = clock.monotonic() + settings.health.beat_lost_s
        self._closing = False

    def hurry(self) -> None:
        """Look soon, and at once if the last look is ``least_s`` ago: something was asked for, or happened."""
        self._wake.set()

    def process_of(self, bot_id: str) -> BotProcess | None:
        """The handle on the bot's worker."""
        member = self._crew.member(bot_id)
        return member.process if member else None

    @property
    def health(self) -> dict[str, HealthStatus]:
        """Each bot's health at the last look."""
        return dict(self._health)

    async def run(self) -> None:
        """For ever; cancel it to stop. Workers are left alone then."""
        try:
            while True:
                self._wake.clear()
                began = self._clock.monotonic()
                eager = await self._look()
                pause = self._settings.eager_s if eager else self._settings.interval_s
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                # Any bot may notify us, which costs it next to nothing; one look answers all who hurry meanwhile.
                await self._clock.sleep(began + min(pause, self._settings.least_s) - self._clock.monotonic())
        finally:
            tasks = tuple(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._crew.disband()

    async def stop_all(self, reason: str) -> None:
        """Drain every worker at once, for the end of the whole fleet; what operators want of bots stays as it is."""
        self._closing = True
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        try:
            rows = {row.bot_id: row for row in await self._adopt_all()}
        except StoreUnavailableError:
            # The rows will go on saying Running; the next supervisor reads the exit records and sets them right.
            rows = {}
        stops = [self._steps.stop(rows[bot_id], reason) for bot_id in self._crew.bots() if bot_id in rows]
        for result in await asyncio.gather(*stops, return_exceptions=True):
            if isinstance(result, BaseException):
                _log.warning("a worker was not stopped in order", error=str(result))
        # Whoever is still there could not be written about; it drains all the same.
        await asyncio.gather(*(self._crew.end(bot_id, self._settings.drain_s) for bot_id in self._crew.bots()))

    async def _look(self) -> bool:
        """One look and what follows from it. True: look again soon, a bot is on its way up."""
        try:
            views = await self._views()
        except StoreUnavailableError as away:
            _log.warning("the database is away", error=str(away))
            self._blind_until = self._clock.monotonic() + self._settings.health.beat_lost_s
            return False
        if not self._closing:
            by_bot = {view.row.bot_id: view for view in views}
            for action in reconcile(views, self._clock.now(), self._settings.rules):
                self._begin(action, by_bot[action.bot_id])
        return any(_on_its_way(view) for view in views)

    async def _adopt_all(self) -> list[BotRow]:
        """Take hold of every living worker of this node, also those that no look has seen yet; gives all bots."""
        async with self._store.transaction(SUPERVISOR) as tx:
            rows = list(await tx.bots.list())
            leases = {lease.name: lease for lease in await tx.leases.all()}
        for row in rows:
            lease = leases.get(lease_of(row.bot_id))
            unknown = self._crew.member(row.bot_id) is None
            if unknown and lease and lease.holder and self._leases.holder_of(lease) is Holder.ALIVE:
                await self._steps.adopt(act.Adopt(row.bot_id, lease.holder))
        return rows

    async def _views(self) -> list[View]:
        # A step that ends while we read has changed what we have read already: its bot is for the next look.
        busy = set(self._under_way)
        async with self._store.transaction(SUPERVISOR) as tx:
            rows = await tx.bots.list()
            leases = {lease.name: lease for lease in await tx.leases.all()}
            beats = {beat.bot_id: beat for beat in await tx.heartbeats.all()}
        views = [
            await self._view(row, leases.get(lease_of(row.bot_id)), beats.get(row.bot_id), busy=row.bot_id in busy)
            for row in rows
        ]
        self._health = {view.row.bot_id: view.health for view in views}
        return views

    async def _view(self, row: BotRow, lease: Lease | None, beat: HeartbeatRow | None, *, busy: bool) -> View:
        bot_id = row.bot_id
        holder = self._leases.holder_of(lease)
        member = self._crew.member(bot_id)
        process = await member.status() if member else self._remains(lease, holder)
        resting = self._clock.monotonic() < self._retry_at.get(bot_id, 0.0)
        current = beat if beat and lease and beat.epoch == lease.epoch else None
        blind = self._clock.monotonic() < self._blind_until
        runs_since = member.since if member else None
        return View(
            row=row,
            lease=lease,
            holder=holder,
            heartbeat=beat,
            process=process,
            process_since=runs_since,
            health=judge(current, self._settings.health, blind=blind, runs_since=runs_since),
            busy=busy or resting or (member is not None and process is None),
        )

    def _remains(self, lease: Lease | None, holder: Holder) -> ProcessStatus | None:
        """What is known of a dead holder that we had no handle on."""
        if holder is not Holder.DEAD or lease is None or lease.holder is None:
            return None
        ref = lease.holder
        return ProcessStatus(ProcessPhase.EXITED, ref, self._exit_of(ref.pid, ref.start_time))

    def _begin(self, action: act.Action, view: View) -> None:
        step = asyncio.create_task(self._step(action, view), name=f"{type(action).__name__} {action.bot_id}")
        self._under_way[action.bot_id] = step
        step.add_done_callback(lambda _: self._end(action.bot_id))

    def _end(self, bot_id: str) -> None:
        self._under_way.pop(bot_id, None)
        self.hurry()

    async def _step(self, action: act.Action, view: View) -> None:
        """One action; however it fails, it fails for this bot alone."""
        bot_id = action.bot_id
        try:
            await self._steps.carry_out(action, view)
        except (TemporaryError, ConflictError) as later:
            pause = getattr(later, "retry_after", None)
            self._retry_at[bot_id] = self._clock.monotonic() + (_DEFAULT_RETRY_S if pause is None else pause)
            _log.info("put off", bot_id=bot_id, action=type(action).__name__, reason=str(later))
        except PermanentError as refused:
            await self._give_up(view.row, str(refused))
        except Exception:  # noqa: BLE001 - one bot's unforeseen trouble must not end the loop for all others
            self._retry_at[bot_id] = self._clock.monotonic() + self._settings.rules.start_within_s
            _log.exception("a step failed", bot_id=bot_id, action=type(action).__name__)
        else:
            self._retry_at.pop(bot_id, None)

    async def _give_up(self, row: BotRow, reason: str) -> None:
        """A person has to make the start possible first."""
        _log.error("a bot cannot be started", bot_id=row.bot_id, reason=reason)
        # Whatever keeps even this from being written, there is no use in trying at once again.
        self._retry_at[row.bot_id] = self._clock.monotonic() + self._settings.rules.start_within_s
        with suppress(TemporaryError, ConflictError):
            await self._book.never_started(row, reason)
            self._retry_at.pop(row.bot_id, None)


def _on_its_way(view: View) -> bool:
    coming = view.row.status is BotState.STARTING and view.row.desired_state is DesiredState.RUNNING
    return coming and view.phase in {None, WorkerPhase.STARTING}
