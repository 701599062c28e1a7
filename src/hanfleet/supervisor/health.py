"""A bot's health, judged by progress and never by "connected" (ADR 0006).

Silence alone is healthy. What cannot be known (the database was away, so no beat could be written) is UNKNOWN, and
nobody is restarted for it. Pure: one beat with its age by the database's clock, nothing else.
"""

from dataclasses import dataclass
from datetime import timedelta

from hanfleet.core.process import HealthStatus, HealthVerdict
from hanfleet.store.records import HeartbeatRow


@dataclass(frozen=True)
class HealthLimits:
    """Seconds. What is late or high is worth telling (DEGRADED); what is lost is worth a restart (FAILED)."""

    beat_late_s: float = 6.0
    beat_lost_s: float = 15.0
    lag_high_s: float = 2.0
    unanswered_late_s: float = 60.0
    unanswered_lost_s: float = 900.0


def judge(row: HeartbeatRow | None, limits: HealthLimits, *, blind: bool) -> HealthStatus:
    """``blind``: the database was away lately, so neither a missing beat nor an old message is the worker's fault."""
    if row is None:
        return HealthStatus(HealthVerdict.UNKNOWN, ("It has not told anything yet.",))
    now = row.at + timedelta(seconds=row.age_s)
    if blind and row.age_s > limits.beat_late_s:
        return HealthStatus(HealthVerdict.UNKNOWN, ("The database was away, so no beat could be written.",), now)
    if row.age_s > limits.beat_lost_s:
        return HealthStatus(HealthVerdict.FAILED, (f"No sign of life for {row.age_s:.0f} s.",), now)
    since = row.beat.oldest_unanswered_at
    waited = (now - since).total_seconds() if since else 0.0
    if waited > limits.unanswered_lost_s and not blind:
        return HealthStatus(HealthVerdict.FAILED, (f"A message has waited for its reply for {waited:.0f} s.",), now)
    reasons = tuple(_shortcomings(row, waited, limits))
    return HealthStatus(HealthVerdict.DEGRADED if reasons else HealthVerdict.HEALTHY, reasons, now)


def _shortcomings(row: HeartbeatRow, waited: float, limits: HealthLimits) -> list[str]:
    reasons = []
    if row.age_s > limits.beat_late_s:
        reasons.append(f"No sign of life for {row.age_s:.0f} s.")
    if row.beat.loop_lag_ms > limits.lag_high_s * 1000:
        reasons.append(f"It is slow: its loop lags by {row.beat.loop_lag_ms / 1000:.1f} s.")
    if waited > limits.unanswered_late_s:
        reasons.append(f"A message has waited for its reply for {waited:.0f} s.")
    if not row.beat.connected:
        reasons.append("It is reconnecting to Telegram.")
    return reasons
