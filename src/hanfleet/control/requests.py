"""Which wishes a bot takes: start, stop and restart against the one table of transitions, search by its setting."""

from hanfleet.core.errors import ConflictError
from hanfleet.core.states import BotState, DesiredState, Transition, transition
from hanfleet.store.records import BotRow

_START = {
    BotState.CONFIGURING: Transition.CONFIG_VALID,
    BotState.STOPPED: Transition.RESTART,
    BotState.FAILED: Transition.RESTART_REQUESTED,
}
_STOP = {
    BotState.STARTING: Transition.STOP_REQUESTED,
    BotState.RUNNING: Transition.STOP_REQUESTED,
    BotState.FAILED: Transition.CLEANUP_REQUESTED,
}


def check_kept(row: BotRow) -> None:
    """Raises ConflictError for a bot that was removed."""
    if row.desired_state in (DesiredState.ARCHIVED, DesiredState.ERASED):
        raise ConflictError(
            f"Bot {row.bot_id} was removed: to use its name again, erase it (hanfleet bots rm {row.bot_id} --erase), "
            "then add it anew."
        )


def check_start(row: BotRow) -> bool:
    """Whether a failed bot is asked for another try, on top of being wanted. Raises ConflictError."""
    check_kept(row)
    if row.status in _START:
        if row.desired_state is DesiredState.RUNNING and row.status is not BotState.FAILED:
            raise ConflictError(
                f"Bot {row.bot_id} is wanted running already: hanfleet bots status {row.bot_id} shows why not."
            )
        transition(row.status, _START[row.status])
        return row.status is BotState.FAILED
    if row.desired_state is DesiredState.RUNNING:
        if row.status is BotState.STOPPING:
            raise ConflictError(f"Bot {row.bot_id} is stopping, and starts again by itself when it has stopped.")
        raise ConflictError(
            f"Bot {row.bot_id} is {row.status} already: hanfleet bots restart {row.bot_id} has it begin afresh."
        )
    # It is about to stop, or stopping: then it starts again.
    return False


def check_stop(row: BotRow) -> None:
    """Raises ConflictError when there is nothing to stop."""
    check_kept(row)
    if row.desired_state is DesiredState.STOPPED:
        if row.status is BotState.CONFIGURING:
            raise ConflictError(
                f"Bot {row.bot_id} is new and has not run yet, so there is nothing to stop: "
                f"hanfleet bots start {row.bot_id} starts it."
            )
        raise ConflictError(f"Bot {row.bot_id} is {_on_its_way(row)} already.")
    if row.status in _STOP:
        transition(row.status, _STOP[row.status])


def check_restart(row: BotRow) -> None:
    """Raises ConflictError where a start is meant, or the bot stops for good."""
    check_kept(row)
    if row.desired_state is DesiredState.RUNNING:
        return
    if row.status in (BotState.STOPPED, BotState.FAILED):
        transition(row.status, _START[row.status])
        return
    raise ConflictError(
        f"Bot {row.bot_id} is {_on_its_way(row)}, so there is nothing to restart: "
        f"hanfleet bots start {row.bot_id} starts it."
    )


def check_searchable(row: BotRow) -> None:
    """Raises ConflictError for a bot that keeps its texts sealed."""
    if row.config.get("data_isolation", {}).get("encrypt_messages"):
        raise ConflictError(
            f"Bot {row.bot_id} keeps its messages encrypted (data_isolation.encrypt_messages), and so they cannot be "
            "searched: read its conversations instead."
        )


def _on_its_way(row: BotRow) -> str:
    if row.status in (BotState.STARTING, BotState.RUNNING, BotState.STOPPING):
        return "stopping"
    return "new and has not run yet" if row.status is BotState.CONFIGURING else "stopped"
