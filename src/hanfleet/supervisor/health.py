"""A bot's health, judged by progress and never by "connected" (ADR 0006).

Silence alone is healthy. What cannot be known (the database was away, so no beat could be written) is UNKNOWN, and
nobody is restarted for it. Nor is a worker for what waited before it ran: that would end each successor before it could
answer. Pure: one beat with its age by the database's clock, nothing else.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hanfleet.core.process import HealthStatus, HealthVerdict
from hanfleet.core.states import WorkerPhase
from hanfleet.store.records import HeartbeatRow


@dataclass(frozen=True)
class HealthLimits:
    """Seconds. What is late or high is worth telling (DEGRADED); what is lost is worth a restart (FAILED)."""

    beat_late_s: float = 6.0
    beat_lost_s: float = 15.0
    lag_high_s: float = 2.0
    unanswered_late_s: float = 60.0
    unanswered_lost_s: float = 900.0


def judge(
    row: HeartbeatRow | None, limits: HealthLimits, *, blind: bool, runs_since: datetime | None = None
) -> HealthStatus:
    """``blind``: the database was away lately, so neither a missing beat nor an old message is the worker's fault.

    ``runs_since``: when this worker was launched; None when nobody holds it, so that it cannot be restarted either.
    """
    if row is None:
        return HealthStatus(HealthVerdict.UNKNOWN, ("It has not told anything yet.",))
    now = row.at + timedelta(seconds=row.age_s)
    if blind and row.age_s > limits.beat_late_s:
        return HealthStatus(HealthVerdict.UNKNOWN, ("The database was away, so no beat could be written.",), now)
    if row.age_s > limits.beat_lost_s:
        return HealthStatus(HealthVerdict.FAILED, (f"No sign of life for {row.age_s:.0f} s.",), now)
    waited = _waited(row, now, runs_since)
    if waited > limits.unanswered_lost_s and not blind:
        return HealthStatus(HealthVerdict.FAILED, (f"A reply is late by {waited:.0f} s.",), now)
    reasons = tuple(_shortcomings(row, waited, limits))
    return HealthStatus(HealthVerdict.DEGRADED if reasons else HealthVerdict.HEALTHY, reasons, now)


def _waited(row: HeartbeatRow, now: datetime, runs_since: datetime | None) -> float:
    """Seconds for which this worker has owed a reply; who waits for a log-in owes none."""
    since = row.beat.oldest_unanswered_at
    if since is None or row.beat.phase is WorkerPhase.AWAITING_LOGIN:
        return 0.0
    return (now - max(since, runs_since or since)).total_seconds()


def _shortcomings(row: HeartbeatRow, waited: float, limits: HealthLimits) -> list[str]:
    reasons = []
    if row.age_s > limits.beat_late_s:
        reasons.append(f"No sign of life for {row.age_s:.0f} s.")
    if row.beat.loop_lag_ms > limits.lag_high_s * 1000:
        reasons.append(f"It is slow: its loop lags by {row.beat.loop_lag_ms / 1000:.1f} s.")
    if waited > limits.unanswered_late_s:
        reasons.append(f"A reply is late by {waited:.0f} s.")
    if not row.beat.connected:
        reasons.append("It is reconnecting to Telegram.")
    return reasons
