"""The reconciler against a world that kills workers, loses supervisors and changes its mind, at every step."""

from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hanfleet.core.failures import FailureKind
from hanfleet.core.process import Lease, ProcessPhase, ProcessRef, ProcessStatus
from hanfleet.core.states import BotState, DesiredState, Transition, WorkerPhase, transition
from hanfleet.store.records import Beat, HeartbeatRow
from hanfleet.supervisor import actions as act
from hanfleet.supervisor.reconciler import Holder, Rules, View, decide
from tests.unit.supervisor.worlds import NOW, row_of

RULES = Rules()
INTO_STARTING = {
    BotState.CONFIGURING: Transition.CONFIG_VALID,
    BotState.STOPPED: Transition.RESTART,
    BotState.FAILED: Transition.RESTART_REQUESTED,
}


class Moment(StrEnum):
    """When a supervisor dies that starts a worker."""

    BEFORE_THE_FORK = "before the fork"
    BEFORE_IT_IS_NAMED = "before it is named"
    BEFORE_IT_IS_TOLD = "before it is told"


class World(RuleBasedStateMachine):
    """One bot. ``living`` are the processes that exist; the supervisor may or may not have a handle on one."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.row = row_of(status=BotState.CONFIGURING, desired_state=DesiredState.STOPPED)
        self.epoch = 0
        self.holder: ProcessRef | None = None
        self.handle: ProcessRef | None = None
        self.beat: HeartbeatRow | None = None
        self.living: set[ProcessRef] = set()
        self.exits: dict[ProcessRef, int] = {}
        self.pids = 100
        self.starts_since_final_failure: int | None = None

    # The world.

    @rule(desired=st.sampled_from(DesiredState))
    def operator_wants(self, desired: DesiredState) -> None:
        self.row = replace(self.row, desired_state=desired)

    @rule()
    def operator_restarts(self) -> None:
        self.row = replace(self.row, restart_generation=self.row.restart_generation + 1)

    @precondition(lambda self: self.living)
    @rule(status=st.sampled_from([0, -9, *[kind.exit_status for kind in FailureKind]]))
    def worker_dies(self, status: int) -> None:
        ref = self.living.pop()
        self.exits[ref] = status

    @precondition(lambda self: self.living)
    @rule(phase=st.sampled_from(WorkerPhase))
    def worker_claims_and_beats(self, phase: WorkerPhase) -> None:
        if self.holder in self.living:
            self.beat = HeartbeatRow("anna", self.epoch, Beat(phase=phase, connected=True), self.now, 0.0)

    @rule()
    def supervisor_is_replaced(self) -> None:
        self.handle = None

    @rule(seconds=st.integers(1, 100))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    # The supervisor.

    def view(self) -> View:
        lease = Lease("bot:anna", self.epoch, self.holder, NOW, False) if self.epoch else None
        holder = Holder.NOBODY
        if self.holder is not None:
            holder = Holder.ALIVE if self.holder in self.living else Holder.DEAD
        known = self.handle or (self.holder if holder is Holder.DEAD else None)
        process = None
        if known is not None:
            lives = known in self.living
            process = ProcessStatus(
                ProcessPhase.ALIVE if lives else ProcessPhase.EXITED, known, None if lives else self.exits.get(known)
            )
        return View(
            row=self.row, lease=lease, holder=holder, heartbeat=self.beat, process=process, process_since=self.now
        )

    @rule(dies=st.sampled_from([None, *Moment]))
    def supervisor_looks(self, dies: Moment | None) -> None:
        action = decide(self.view(), self.now, RULES)
        match action:
            case act.Adopt(ref=ref):
                assert ref in self.living
                if self.handle and self.handle != ref:
                    self.kill(self.handle)
                self.handle = ref
            case act.Start():
                self.start(dies)
            case act.Stop():
                self.stop()
            case act.Kill():
                if self.row.status in {BotState.STARTING, BotState.RUNNING}:
                    self.fail(FailureKind.TRANSIENT)
                assert self.handle
                self.kill(self.handle)
                self.handle = None
            case act.MarkRunning():
                self.move(Transition.STARTUP_SUCCESS)
            case act.MarkFailed(kind=kind):
                assert not (self.handle and self.handle in self.living)
                self.fail(kind)
                self.handle = None
            case act.MarkStopped():
                self.to_stopped()
                self.handle = None
            case act.CleanUp() | act.Erase() | act.MarkAwaitingLogin() | None:
                pass

    def start(self, dies: Moment | None) -> None:
        # What Starter does: the holder is proved dead, and the next is named before it is told who it is.
        assert self.row.desired_state is DesiredState.RUNNING
        assert not (self.handle and self.handle in self.living), "a second worker beside a living one"
        assert self.holder is None or self.holder not in self.living, "a second worker beside a living holder"
        if self.row.restart_generation > self.row.applied_generation:
            self.starts_since_final_failure = None  # a person asked for this one
        if self.starts_since_final_failure is not None:
            self.starts_since_final_failure += 1
        self.epoch, self.holder = self.epoch + 1, None
        if self.row.status is not BotState.STARTING:
            self.move(INTO_STARTING[self.row.status])
        self.row = replace(self.row, applied_generation=self.row.restart_generation)
        self.handle = None
        if dies is Moment.BEFORE_THE_FORK:
            return
        self.pids += 1
        born = ProcessRef("node", "boot", self.pids, self.pids)
        if dies is not Moment.BEFORE_IT_IS_NAMED:
            self.holder = born
        if dies is not None:
            self.exits[born] = FailureKind.TRANSIENT.exit_status  # nobody, so it ends
            return
        self.handle = born
        self.living.add(born)

    def stop(self) -> None:
        assert self.handle
        if self.row.status is not BotState.STOPPING:
            self.move(Transition.STOP_REQUESTED)
        self.kill(self.handle, 0)
        self.handle = None
        self.move(Transition.STOP_COMPLETE)

    def to_stopped(self) -> None:
        if self.row.status is BotState.FAILED:
            self.move(Transition.CLEANUP_REQUESTED)
        elif self.row.status is not BotState.STOPPING:
            self.move(Transition.STOP_REQUESTED)
        self.move(Transition.STOP_COMPLETE)

    def fail(self, kind: FailureKind) -> None:
        by = {BotState.STARTING: Transition.STARTUP_ERROR, BotState.RUNNING: Transition.HEALTH_CHECK_FAILED}
        self.move(by[self.row.status])
        self.row = replace(self.row, failure_kind=kind)
        self.starts_since_final_failure = None if kind.restart_helps else 0

    def kill(self, ref: ProcessRef, status: int = -9) -> None:
        if ref in self.living:
            self.living.discard(ref)
            self.exits[ref] = status

    def move(self, by: Transition) -> None:
        after = transition(self.row.status, by)
        assert after is not None
        if after is BotState.STOPPED:
            self.starts_since_final_failure = None  # an operator wanted it stopped: a later start is a new wish
        self.row = replace(self.row, status=after, status_since=self.now, failure_kind=None)

    # What must hold.

    @invariant()
    def there_is_never_more_than_one_worker(self) -> None:
        assert len(self.living) <= 1

    @invariant()
    def whoever_lives_is_named(self) -> None:
        assert self.living <= {self.holder}

    @invariant()
    def what_no_restart_heals_is_not_restarted(self) -> None:
        assert not self.starts_since_final_failure

    @invariant()
    def left_alone_it_settles(self) -> None:
        """From any state: with nothing more happening, a bot that shall be down ends up down, within ten looks."""
        kept = dict(vars(self))
        self.living, self.exits = set(self.living), dict(self.exits)
        self.row = replace(self.row, desired_state=DesiredState.STOPPED)
        for _ in range(10):
            self.supervisor_looks(dies=None)
        assert not self.living
        assert self.row.status in {BotState.STOPPED, BotState.CONFIGURING}
        vars(self).update(kept)


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
