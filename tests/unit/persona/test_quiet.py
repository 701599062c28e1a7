from datetime import UTC, datetime, time

import pytest
from pydantic import ValidationError

from hanfleet.core.config import QuietHours
from hanfleet.persona.quiet import quiet_until

NIGHT = QuietHours(start=time(23), end=time(8), time_zone="Europe/Berlin")
NAP = QuietHours(start=time(13), end=time(15))


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (utc(1, 21, 59), None),
        (utc(1, 22), utc(2, 7)),
        (utc(2, 3), utc(2, 7)),
        (utc(2, 6, 59), utc(2, 7)),
        (utc(2, 7), None),
    ],
)
def test_a_night_crosses_midnight_in_its_own_zone(now, until):
    assert quiet_until(now, NIGHT) == until


def test_a_nap_ends_on_the_same_day():
    assert quiet_until(utc(1, 13), NAP) == utc(1, 15)
    assert quiet_until(utc(1, 15), NAP) is None


def test_none_and_empty_hours_hold_nothing_back():
    assert quiet_until(utc(1, 13), None) is None
    assert quiet_until(utc(1, 13), QuietHours(start=time(13), end=time(13))) is None


def test_a_night_in_which_the_clocks_change_ends_by_the_wall_clock():
    assert quiet_until(datetime(2026, 3, 28, 23, tzinfo=UTC), NIGHT) == datetime(2026, 3, 29, 6, tzinfo=UTC)


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(ValidationError, match="IANA"):
        QuietHours(start=time(1), end=time(2), time_zone="Mars/Olympus")
