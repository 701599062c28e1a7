"""The table of states holds what INTERFACES names and nothing else; every other edge is refused with a sentence."""

import pytest

from hanfleet.core.errors import ConflictError
from hanfleet.core.failures import FailureKind, failure_of_exit
from hanfleet.core.states import TRANSITIONS, BotState, Transition, transition

EDGES = [
    (BotState.CONFIGURING, Transition.CONFIG_VALID, BotState.STARTING),
    (BotState.CONFIGURING, Transition.CONFIG_INVALID, BotState.FAILED),
    (BotState.CONFIGURING, Transition.DESTROY, None),
    (BotState.STARTING, Transition.STARTUP_SUCCESS, BotState.RUNNING),
    (BotState.STARTING, Transition.STARTUP_ERROR, BotState.FAILED),
    (BotState.STARTING, Transition.STOP_REQUESTED, BotState.STOPPING),
    (BotState.RUNNING, Transition.STOP_REQUESTED, BotState.STOPPING),
    (BotState.RUNNING, Transition.HEALTH_CHECK_FAILED, BotState.FAILED),
    (BotState.FAILED, Transition.RESTART_REQUESTED, BotState.STARTING),
    (BotState.FAILED, Transition.CLEANUP_REQUESTED, BotState.STOPPING),
    (BotState.STOPPING, Transition.STOP_COMPLETE, BotState.STOPPED),
    (BotState.STOPPING, Transition.STOP_TIMEOUT, BotState.FAILED),
    (BotState.STOPPED, Transition.RESTART, BotState.STARTING),
    (BotState.STOPPED, Transition.DESTROY, None),
]


@pytest.mark.parametrize(("before", "by", "after"), EDGES)
def test_each_named_edge_is_walked(before: BotState, by: Transition, after: BotState | None) -> None:
    assert transition(before, by) is after


def test_there_is_no_other_edge() -> None:
    assert sum(len(edges) for edges in TRANSITIONS.values()) == len(EDGES)
    known = {(before, by) for before, by, _ in EDGES}
    for before in BotState:
        for by in Transition:
            if (before, by) not in known:
                with pytest.raises(ConflictError, match=by):
                    transition(before, by)


@pytest.mark.parametrize("kind", FailureKind)
def test_a_failure_survives_as_an_exit_status(kind: FailureKind) -> None:
    assert failure_of_exit(kind.exit_status) is kind


def test_signals_are_transient_and_unknown_statuses_are_bugs() -> None:
    assert failure_of_exit(0) is None
    assert failure_of_exit(-9) is FailureKind.TRANSIENT
    assert failure_of_exit(1) is FailureKind.BUG
    healed_by_restart = {FailureKind.TRANSIENT, FailureKind.BUG, FailureKind.FENCED}
    assert {kind for kind in FailureKind if kind.restart_helps} == healed_by_restart
