from dataclasses import replace
from datetime import timedelta

import pytest

from hanfleet.core.failures import FailureKind
from hanfleet.core.process import HealthStatus, HealthVerdict, ProcessRef
from hanfleet.core.states import BotState, DesiredState, WorkerPhase
from hanfleet.supervisor.actions import (
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
from hanfleet.supervisor.reconciler import AWAITING_LOGIN, Holder, Rules, View, decide, reconcile
from tests.unit.supervisor.worlds import (
    FAILED,
    FINAL_KINDS,
    NOW,
    REF,
    STARTING,
    STOPPED,
    beat_of,
    dead,
    lease_with,
    row_of,
    view_of,
)

RULES = Rules(start_within_s=30.0, longest_pause_s=600.0)


def what(view: View):
    return decide(view, NOW, RULES)


def test_healthy_running_bot_is_left_alone():
    assert what(view_of()) is None


@pytest.mark.parametrize("status", [BotState.CONFIGURING, STOPPED, FAILED])
def test_wanted_bot_that_is_down_starts(status):
    never = View(row=row_of(status=status))
    assert what(never) == Start("anna")
    assert what(dead(0, status=status)) == Start("anna")


@pytest.mark.parametrize("kind", FINAL_KINDS)
def test_what_a_restart_cannot_heal_is_not_restarted(kind):
    assert what(dead(kind.exit_status, status=FAILED, failure_kind=kind)) is None


@pytest.mark.parametrize("kind", FINAL_KINDS)
def test_a_person_may_restart_it_all_the_same(kind):
    view = dead(kind.exit_status, status=FAILED, failure_kind=kind, restart_generation=1)
    assert what(view) == Start("anna")


def test_pause_after_a_failure_is_kept_unless_a_clock_jumped():
    later = NOW + timedelta(seconds=5)
    assert what(dead(-9, status=FAILED, failure_kind=FailureKind.TRANSIENT, not_before=later)) is None
    assert what(dead(-9, status=FAILED, failure_kind=FailureKind.TRANSIENT, not_before=NOW)) == Start("anna")
    absurd = NOW + timedelta(days=3)
    assert what(dead(-9, status=FAILED, failure_kind=FailureKind.TRANSIENT, not_before=absurd)) == Start("anna")


def test_unwanted_bot_stops_and_a_restart_stops_first():
    assert isinstance(what(view_of(row={"desired_state": DesiredState.STOPPED})), Stop)
    assert isinstance(what(view_of(row={"restart_generation": 1})), Stop)
    assert isinstance(what(view_of(row={"status": STARTING, "desired_state": DesiredState.ARCHIVED})), Stop)


def test_half_done_stop_is_finished_even_when_the_bot_is_wanted_again():
    assert isinstance(what(view_of(row={"status": BotState.STOPPING})), Stop)
    assert isinstance(what(dead(0, status=BotState.STOPPING)), MarkStopped)


@pytest.mark.parametrize("status", [BotState.STARTING, BotState.RUNNING])
def test_death_tells_its_kind(status):
    reauth = what(dead(FailureKind.REAUTH.exit_status, status=status))
    assert isinstance(reauth, MarkFailed)
    assert reauth.kind is FailureKind.REAUTH
    killed = what(dead(-9, status=status))
    assert isinstance(killed, MarkFailed)
    assert killed.kind is FailureKind.TRANSIENT
    unseen = what(dead(None, status=status))
    assert isinstance(unseen, MarkFailed)
    assert unseen.kind is FailureKind.TRANSIENT
    assert what(dead(0, status=status)) == MarkStopped("anna", "Its worker left by itself.", unasked=True)


def test_running_bot_without_any_process_has_failed():
    assert isinstance(what(View(row=row_of())), MarkFailed)


def test_living_holder_without_a_handle_is_adopted_whatever_the_state():
    for status in BotState:
        assert what(view_of(row={"status": status}, process=None)) == Adopt("anna", REF)


def test_holder_that_is_not_our_worker_is_adopted():
    other = ProcessRef("node", "boot", 200, 2)
    assert what(view_of(lease=lease_with(other))) == Adopt("anna", other)


def test_bot_of_another_node_is_left_alone():
    assert what(view_of(row={"status": FAILED}, holder=Holder.ELSEWHERE, process=None)) is None


def test_start_is_judged_by_the_current_epochs_beat():
    starting = {"status": STARTING}
    assert what(view_of(row=starting)) == MarkRunning("anna")
    assert what(view_of(row=starting, heartbeat=beat_of(epoch=2))) is None
    assert what(view_of(row=starting, heartbeat=None)) is None
    assert what(view_of(row=starting, heartbeat=beat_of(WorkerPhase.STARTING))) is None


def test_waiting_for_a_login_is_said_once_and_has_no_time_out():
    long_ago = NOW - timedelta(days=1)
    view = view_of(row={"status": STARTING, "status_since": long_ago}, heartbeat=beat_of(WorkerPhase.AWAITING_LOGIN))
    assert what(view) == MarkAwaitingLogin("anna")
    assert what(replace(view, row=replace(view.row, status_reason=AWAITING_LOGIN.format("anna")))) is None


def test_worker_that_never_reports_is_killed():
    silent = view_of(row={"status": STARTING, "status_since": NOW - timedelta(seconds=31)}, heartbeat=None)
    assert isinstance(what(silent), Kill)
    assert what(replace(silent, process_since=NOW)) is None


def test_unhealthy_worker_is_killed_but_not_for_what_is_unknown():
    sick = HealthStatus(HealthVerdict.FAILED, ("No sign of life for 20 s.",))
    assert what(view_of(health=sick)) == Kill("anna", "No sign of life for 20 s.")
    assert what(view_of(health=HealthStatus(HealthVerdict.DEGRADED, ("slow",)))) is None
    assert what(view_of(health=HealthStatus(HealthVerdict.UNKNOWN))) is None


@pytest.mark.parametrize("status", [STOPPED, FAILED, BotState.CONFIGURING])
def test_worker_that_should_not_be_is_killed(status):
    assert isinstance(what(view_of(row={"status": status})), Kill)


def test_grant_that_was_never_claimed_is_granted_again():
    view = View(row=row_of(status=STARTING), lease=lease_with(None), holder=Holder.NOBODY)
    assert what(view) == Start("anna")
    assert isinstance(what(replace(view, row=replace(view.row, desired_state=DesiredState.STOPPED))), MarkStopped)


def test_failed_bot_that_is_not_wanted_becomes_stopped_and_archived_is_cleaned_up():
    assert isinstance(what(dead(82, status=FAILED, desired_state=DesiredState.STOPPED)), MarkStopped)
    assert what(dead(0, status=STOPPED, desired_state=DesiredState.STOPPED)) is None
    assert what(dead(0, status=STOPPED, desired_state=DesiredState.ARCHIVED)) == CleanUp("anna")
    assert what(dead(0, status=STOPPED, desired_state=DesiredState.ERASED)) == Erase("anna")
    assert isinstance(what(dead(82, status=FAILED, desired_state=DesiredState.ERASED)), MarkStopped)


def test_busy_bot_is_left_to_its_step():
    assert reconcile([view_of(row={"desired_state": DesiredState.STOPPED}, busy=True)], NOW, RULES) == []


def test_no_more_bots_than_there_is_room_for_the_longest_waiting_first():
    up = view_of(row={"bot_id": "up"})
    waiting = [View(row=row_of(f"bot-{n}", status=STOPPED, status_since=NOW - timedelta(seconds=n))) for n in (1, 3, 2)]
    rules = Rules(max_bots=3)
    assert reconcile([up, *waiting], NOW, rules) == [Start("bot-3"), Start("bot-2")]
