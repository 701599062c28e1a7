"""Which wishes a bot takes, in every state and under every earlier wish."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hanfleet.control.requests import check_restart, check_start, check_stop
from hanfleet.core.errors import ConflictError
from hanfleet.core.states import BotState, DesiredState
from hanfleet.store.records import BotRow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROW = BotRow(
    bot_id="mira",
    name="Mira",
    config={},
    config_version=1,
    desired_state=DesiredState.RUNNING,
    restart_generation=0,
    applied_generation=0,
    status=BotState.RUNNING,
    status_reason="",
    status_since=NOW,
    failure_kind=None,
    failures=0,
    not_before=None,
    created_at=NOW,
    updated_at=NOW,
)
RUNNING, STOPPED = DesiredState.RUNNING, DesiredState.STOPPED


def allowed(check, status: BotState, desired: DesiredState) -> bool:
    try:
        check(replace(ROW, status=status, desired_state=desired))
    except ConflictError:
        return False
    return True


#: (state, what is wanted so far) → start?, stop?, restart?
TABLE = {
    (BotState.CONFIGURING, RUNNING): (False, True, True),
    (BotState.CONFIGURING, STOPPED): (True, False, False),
    (BotState.STARTING, RUNNING): (False, True, True),
    (BotState.STARTING, STOPPED): (True, False, False),
    (BotState.RUNNING, RUNNING): (False, True, True),
    (BotState.RUNNING, STOPPED): (True, False, False),
    (BotState.STOPPING, RUNNING): (False, True, True),
    (BotState.STOPPING, STOPPED): (True, False, False),
    (BotState.STOPPED, RUNNING): (False, True, True),
    (BotState.STOPPED, STOPPED): (True, False, True),
    (BotState.FAILED, RUNNING): (True, True, True),
    (BotState.FAILED, STOPPED): (True, False, True),
}


@pytest.mark.parametrize(("status", "desired"), TABLE, ids=str)
def test_wishes_by_state(status: BotState, desired: DesiredState) -> None:
    checks = (check_start, check_stop, check_restart)
    assert tuple(allowed(check, status, desired) for check in checks) == TABLE[status, desired]


@pytest.mark.parametrize("desired", [DesiredState.ARCHIVED, DesiredState.ERASED])
@pytest.mark.parametrize("status", list(BotState))
def test_a_removed_bot_takes_nothing(status: BotState, desired: DesiredState) -> None:
    for check in (check_start, check_stop, check_restart):
        with pytest.raises(ConflictError, match=r"was removed: .* erase it"):
            check(replace(ROW, status=status, desired_state=desired))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (BotState.CONFIGURING, "is new and has not run yet, so there is nothing to stop: hanfleet bots start mira"),
        (BotState.STOPPED, "is stopped already."),
        (BotState.STOPPING, "is stopping already."),
    ],
)
def test_why_there_is_nothing_to_stop(status: BotState, words: str) -> None:
    with pytest.raises(ConflictError, match=words):
        check_stop(replace(ROW, status=status, desired_state=STOPPED))


@pytest.mark.parametrize(
    ("check", "status", "desired", "words"),
    [
        (check_start, BotState.RUNNING, RUNNING, "is running already: hanfleet bots restart mira has it begin afresh."),
        (check_start, BotState.STOPPING, RUNNING, "is stopping, and starts again by itself when it has stopped."),
        (
            check_restart,
            BotState.STOPPING,
            STOPPED,
            "is stopping, so there is nothing to restart: hanfleet bots start mira starts it.",
        ),
        (
            check_restart,
            BotState.CONFIGURING,
            STOPPED,
            "is new and has not run yet, so there is nothing to restart: hanfleet bots start mira starts it.",
        ),
    ],
)
def test_start_and_restart_point_where_a_way_leads(
    check: Callable[[BotRow], object], status: BotState, desired: DesiredState, words: str
) -> None:
    with pytest.raises(ConflictError, match=re.escape(words)):
        check(replace(ROW, status=status, desired_state=desired))
    if "bots start" in words:
        assert allowed(check_start, status, desired)
    if "bots restart" in words:
        assert allowed(check_restart, status, desired)


def test_only_a_failed_bot_needs_a_push_to_start() -> None:
    assert check_start(replace(ROW, status=BotState.FAILED))
    assert not check_start(replace(ROW, status=BotState.STOPPED, desired_state=STOPPED))
    assert not check_start(replace(ROW, status=BotState.STOPPING, desired_state=STOPPED))
