"""What is wanted and what is seen, in; what to do, out. A pure function: no clock, no chance, no memory.

It is asked again and again and asks for one step at a time: after each step the world is looked at anew, so it does not
matter where the last supervisor died. Refuses to ask for a second worker while the first may live.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from hanfleet.core.failures import FailureKind, failure_of_exit
from hanfleet.core.process import HealthStatus, HealthVerdict, Lease, ProcessPhase, ProcessStatus
from hanfleet.core.states import BotState, DesiredState, WorkerPhase
from hanfleet.store.records import BotRow, HeartbeatRow
from hanfleet.supervisor.actions import (
    Action,
    Adopt,
    CleanUp,
    Erase,
    Kill,
    MarkAwaitingLogin,
    MarkFailed,
    MarkRunning,
    MarkStopped,
    Start,
    Stop,
)


class Holder(StrEnum):
    """Who holds a bot's lease, as far as this node can prove."""

    NOBODY = "nobody"  # never granted, or granted and no worker named that knows who it is
    ALIVE = "alive"  # a process of this node
    DEAD = "dead"
    ELSEWHERE = "elsewhere"  # another node's, and not expired for long enough


_UNKNOWN = HealthStatus(HealthVerdict.UNKNOWN)


@dataclass(frozen=True)
class View:
    """All that is known of one bot at one moment.

    ``process`` is of the worker that we have a handle on, or of the dead holder of the lease (with what its exit record
    says); None when we know of no process. ``process_since``: when we launched or adopted it. ``busy``: an earlier step
    of this bot is still being carried out.
    """

    row: BotRow
    lease: Lease | None = None
    holder: Holder = Holder.NOBODY
    heartbeat: HeartbeatRow | None = None
    process: ProcessStatus | None = None
    process_since: datetime | None = None
    health: HealthStatus = _UNKNOWN
    busy: bool = False

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.phase is ProcessPhase.ALIVE

    @property
    def restart_asked(self) -> bool:
        return self.row.restart_generation > self.row.applied_generation

    @property
    def phase(self) -> WorkerPhase | None:
        """What the current holder says of itself; None when it has said nothing yet."""
        if self.heartbeat is None or self.lease is None or self.heartbeat.epoch != self.lease.epoch:
            return None
        return self.heartbeat.beat.phase


@dataclass(frozen=True)
class Rules:
    """Numbers of the reconciler's. ``longest_pause_s``: a ``not_before`` further away comes from a jumping clock."""

    max_bots: int = 50
    start_within_s: float = 30.0
    longest_pause_s: float = 1800.0


AWAITING_LOGIN = "Awaiting log-in: run `hanfleet bots login {}`."
_UP = {BotState.STARTING, BotState.RUNNING}


def reconcile(views: Iterable[View], now: datetime, rules: Rules) -> list[Action]:
    """At most one action for each bot that is not busy. Starts beyond ``max_bots`` wait, the longest waiting first."""
    everything = list(views)
    room = rules.max_bots - sum(view.lives or view.busy or view.row.status in _UP for view in everything)
    actions: list[Action] = []
    for view in sorted(everything, key=lambda view: (view.row.status_since, view.row.bot_id)):
        action = None if view.busy else decide(view, now, rules)
        if isinstance(action, Start) and view.row.status not in _UP:
            if room <= 0:
                continue
            room -= 1
        if action is not None:
            actions.append(action)
    return actions


def decide(view: View, now: datetime, rules: Rules) -> Action | None:
    """The next step for one bot; None when there is nothing to do now."""
    if view.holder is Holder.ELSEWHERE and not view.lives:
        return None  # what we have a hand on is ours to stop, also when another node was granted the lease
    if view.holder is Holder.ALIVE and view.lease and view.lease.holder:
        held = view.process.ref if view.process and view.lives else None
        if held != view.lease.holder:
            return Adopt(view.row.bot_id, view.lease.holder)
    return _about_a_living(view, now, rules) if view.lives else _about_a_dead(view, now, rules)


def _about_a_living(view: View, now: datetime, rules: Rules) -> Action | None:
    row = view.row
    if row.status not in _UP and row.status is not BotState.STOPPING:
        return Kill(row.bot_id, "A worker was found that should not be.")
    if row.status is BotState.STOPPING or row.desired_state is not DesiredState.RUNNING:
        return Stop(row.bot_id, "An operator asked.")
    if view.restart_asked:
        return Stop(row.bot_id, "It restarts.")
    if view.health.verdict is HealthVerdict.FAILED and view.phase is not None:
        return Kill(row.bot_id, " ".join(view.health.reasons))
    return _about_a_start(view, now, rules) if row.status is BotState.STARTING else None


def _about_a_start(view: View, now: datetime, rules: Rules) -> Action | None:
    row = view.row
    if view.phase is WorkerPhase.RUNNING:
        return MarkRunning(row.bot_id)
    if view.phase is WorkerPhase.AWAITING_LOGIN:
        # A person may take a day over it, so there is no time-out.
        said = row.status_reason == AWAITING_LOGIN.format(row.bot_id)
        return None if said else MarkAwaitingLogin(row.bot_id)
    since = view.process_since or row.status_since
    if view.phase is None and now - since > timedelta(seconds=rules.start_within_s):
        return Kill(row.bot_id, f"It gave no sign of life within {rules.start_within_s:.0f} s of its start.")
    return None


def _about_a_dead(view: View, now: datetime, rules: Rules) -> Action | None:
    row = view.row
    if row.status in _UP:
        return _about_a_death(view)
    if row.status is BotState.STOPPING:
        return MarkStopped(row.bot_id, "It has drained and left.")
    if row.desired_state is DesiredState.RUNNING:
        return Start(row.bot_id) if _may_start(view, now, rules) else None
    if row.status is BotState.FAILED:
        return MarkStopped(row.bot_id, "An operator asked.")
    if row.desired_state is DesiredState.ERASED:
        return Erase(row.bot_id)
    return CleanUp(row.bot_id) if row.desired_state is DesiredState.ARCHIVED else None


def _about_a_death(view: View) -> Action:
    """The bot is Starting or Running, and no worker lives."""
    row = view.row
    if view.process is None and row.status is BotState.STARTING:
        # Granted, and no holder named: the supervisor or the zygote died before a worker was told who it is.
        wanted = row.desired_state is DesiredState.RUNNING
        return Start(row.bot_id) if wanted else MarkStopped(row.bot_id, "An operator asked.")
    status = view.process.exit_status if view.process else None
    if status is None:
        return MarkFailed(row.bot_id, FailureKind.TRANSIENT, "Its worker is gone; nobody saw how it ended.")
    kind = failure_of_exit(status)
    if kind is None:
        return MarkStopped(row.bot_id, "Its worker left by itself.", unasked=row.desired_state is DesiredState.RUNNING)
    ended = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    return MarkFailed(row.bot_id, kind, f"Its worker {ended} ({kind}). {kind.next_step(row.bot_id)}")


def _may_start(view: View, now: datetime, rules: Rules) -> bool:
    row = view.row
    if view.restart_asked:
        return True
    if row.status is BotState.FAILED and row.failure_kind is not None and not row.failure_kind.restart_helps:
        return False
    pause = (row.not_before - now).total_seconds() if row.not_before else 0.0
    return pause <= 0 or pause > rules.longest_pause_s
