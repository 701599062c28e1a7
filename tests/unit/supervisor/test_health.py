from datetime import timedelta

from hanfleet.core.process import HealthVerdict
from hanfleet.core.states import WorkerPhase
from hanfleet.store.records import HeartbeatRow
from hanfleet.supervisor.health import HealthLimits, judge
from tests.unit.supervisor.worlds import NOW, beat_of

LIMITS = HealthLimits(beat_late_s=6, beat_lost_s=15, lag_high_s=2, unanswered_late_s=60, unanswered_lost_s=900)


def verdict(row: HeartbeatRow | None, *, blind: bool = False) -> HealthVerdict:
    return judge(row, LIMITS, blind=blind).verdict


def test_silent_contacts_are_healthy():
    assert verdict(beat_of(last_update_at=NOW - timedelta(days=3))) is HealthVerdict.HEALTHY


def test_missing_beats_degrade_and_then_fail():
    assert verdict(beat_of(age_s=7)) is HealthVerdict.DEGRADED
    assert verdict(beat_of(age_s=16)) is HealthVerdict.FAILED


def test_after_an_outage_of_the_database_nothing_is_known():
    assert verdict(beat_of(age_s=16), blind=True) is HealthVerdict.UNKNOWN
    assert verdict(None) is HealthVerdict.UNKNOWN
    old = NOW - timedelta(seconds=2000)
    assert verdict(beat_of(oldest_unanswered_at=old), blind=True) is HealthVerdict.DEGRADED


def test_unanswered_message_is_no_progress():
    assert verdict(beat_of(oldest_unanswered_at=NOW - timedelta(seconds=61))) is HealthVerdict.DEGRADED
    assert verdict(beat_of(oldest_unanswered_at=NOW - timedelta(seconds=901))) is HealthVerdict.FAILED


def test_nobody_is_restarted_for_what_waited_before_it_ran():
    """A flood, a night, a power cut: the message is old, and each new worker would end before it could answer."""
    owing = beat_of(oldest_unanswered_at=NOW - timedelta(hours=1))
    for ran_s, expected in ((1, HealthVerdict.HEALTHY), (61, HealthVerdict.DEGRADED), (901, HealthVerdict.FAILED)):
        since = NOW - timedelta(seconds=ran_s)
        assert judge(owing, LIMITS, blind=False, runs_since=since).verdict is expected


def test_who_waits_for_a_log_in_owes_no_reply():
    owing = beat_of(WorkerPhase.AWAITING_LOGIN, oldest_unanswered_at=NOW - timedelta(hours=1))
    assert verdict(owing) is HealthVerdict.HEALTHY


def test_reasons_are_told_together():
    status = judge(beat_of(loop_lag_ms=3000, connected=False), LIMITS, blind=False)
    assert status.verdict is HealthVerdict.DEGRADED
    assert len(status.reasons) == 2
    assert status.checked_at is not None
