"""Who a process is, for as long as the machine is up: pid alone is not enough, pids come round again."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class ProcessRef:
    """One process on one machine: ``start_time`` is field 22 of /proc/<pid>/stat (clock ticks since boot)."""

    node: str
    boot_id: str
    pid: int
    start_time: int


class ProcessPhase(StrEnum):
    NEVER_STARTED = "never_started"
    ALIVE = "alive"
    EXITED = "exited"


@dataclass(frozen=True)
class ProcessStatus:
    """What the operating system says of a worker; ``exit_status`` < 0 is the signal, None: not known or alive."""

    phase: ProcessPhase
    ref: ProcessRef | None = None
    exit_status: int | None = None


class HealthVerdict(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class HealthStatus:
    """One bot's health, judged by progress (ADR 0006); ``reasons`` are sentences."""

    verdict: HealthVerdict
    reasons: tuple[str, ...] = ()
    checked_at: datetime | None = None


@dataclass(frozen=True)
class Lease:
    """The right to use one Telegram session (or to lead the fleet).

    ``epoch`` grows by one with each grant; ``holder`` is None until the granted process has claimed it.
    ``expired`` is judged by the database's clock when the row was read.
    """

    name: str
    epoch: int
    holder: ProcessRef | None
    expires_at: datetime
    expired: bool
