"""The life of a bot: states, transitions and the one table that allows them (INTERFACES; ADR 0012 for added edges)."""

from enum import StrEnum

from hanfleet.core.errors import ConflictError


class BotState(StrEnum):
    CONFIGURING = "configuring"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class Transition(StrEnum):
    CONFIG_VALID = "config_valid"
    CONFIG_INVALID = "config_invalid"
    STARTUP_SUCCESS = "startup_success"
    STARTUP_ERROR = "startup_error"
    STOP_REQUESTED = "stop_requested"
    HEALTH_CHECK_FAILED = "health_check_failed"
    RESTART_REQUESTED = "restart_requested"
    CLEANUP_REQUESTED = "cleanup_requested"
    STOP_COMPLETE = "stop_complete"
    STOP_TIMEOUT = "stop_timeout"
    RESTART = "restart"
    DESTROY = "destroy"


class DesiredState(StrEnum):
    """What an operator wants of a bot; the reconciler brings it about. From the last two nothing leads back."""

    RUNNING = "running"
    STOPPED = "stopped"
    ARCHIVED = "archived"  # stopped for good, its data kept
    ERASED = "erased"  # archived, then every row of it deleted


class WorkerPhase(StrEnum):
    """What a living worker says of itself in its heartbeat; the bot's state follows from it."""

    STARTING = "starting"
    AWAITING_LOGIN = "awaiting_login"
    RUNNING = "running"
    STOPPING = "stopping"


#: state → transition → next state; None ends the bot's life.
TRANSITIONS: dict[BotState, dict[Transition, BotState | None]] = {
    BotState.CONFIGURING: {
        Transition.CONFIG_VALID: BotState.STARTING,
        Transition.CONFIG_INVALID: BotState.FAILED,
        Transition.DESTROY: None,
    },
    BotState.STARTING: {
        Transition.STARTUP_SUCCESS: BotState.RUNNING,
        Transition.STARTUP_ERROR: BotState.FAILED,
        Transition.STOP_REQUESTED: BotState.STOPPING,
    },
    BotState.RUNNING: {
        Transition.STOP_REQUESTED: BotState.STOPPING,
        Transition.HEALTH_CHECK_FAILED: BotState.FAILED,
    },
    BotState.STOPPING: {
        Transition.STOP_COMPLETE: BotState.STOPPED,
        Transition.STOP_TIMEOUT: BotState.FAILED,
    },
    BotState.STOPPED: {Transition.RESTART: BotState.STARTING, Transition.DESTROY: None},
    BotState.FAILED: {
        Transition.RESTART_REQUESTED: BotState.STARTING,
        Transition.CLEANUP_REQUESTED: BotState.STOPPING,
    },
}


def transition(state: BotState, by: Transition) -> BotState | None:
    """The state after ``by``; None when the bot's life ends. Raises ConflictError where the table has no such edge."""
    try:
        return TRANSITIONS[state][by]
    except KeyError:
        allowed = ", ".join(TRANSITIONS[state]) or "nothing"
        raise ConflictError(f"A bot that is {state} does not take {by}; it takes: {allowed}.") from None
