"""What the reconciler may ask for. Each is about one bot and is carried out by `fleet.py`."""

from dataclasses import dataclass

from hanfleet.core.failures import FailureKind
from hanfleet.core.process import ProcessRef


@dataclass(frozen=True)
class Adopt:
    """Take hold of the living holder of the lease."""

    bot_id: str
    ref: ProcessRef


@dataclass(frozen=True)
class Start:
    """Prove the old holder dead, grant the lease anew, launch a worker. The bot is Starting from the grant on."""

    bot_id: str


@dataclass(frozen=True)
class Stop:
    """Stopping; drain the worker or kill it; Stopped."""

    bot_id: str
    reason: str


@dataclass(frozen=True)
class Kill:
    """End a living worker without draining: it hangs, or nothing says that it should be. Failed, where it was up."""

    bot_id: str
    reason: str


@dataclass(frozen=True)
class MarkRunning:
    """The worker said so itself, under the current epoch."""

    bot_id: str


@dataclass(frozen=True)
class MarkAwaitingLogin:
    """Still Starting, but waiting for a person."""

    bot_id: str


@dataclass(frozen=True)
class MarkFailed:
    """The worker is dead of a failure."""

    bot_id: str
    kind: FailureKind
    reason: str


@dataclass(frozen=True)
class MarkStopped:
    """There is no worker, and none that failed: Stopped, through Stopping. ``unasked``: it left by itself."""

    bot_id: str
    reason: str
    unasked: bool = False


@dataclass(frozen=True)
class CleanUp:
    """An archived bot is down: take its database role and its bus user away."""

    bot_id: str


@dataclass(frozen=True)
class Erase:
    """An erased bot is down: clean up, then delete every row of it and its log."""

    bot_id: str


Action = Adopt | Start | Stop | Kill | MarkRunning | MarkAwaitingLogin | MarkFailed | MarkStopped | CleanUp | Erase
