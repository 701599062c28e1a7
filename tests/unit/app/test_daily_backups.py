"""When the backup of the day is due."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hanfleet.app.daily_backups import due_at, newest_daily

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=30)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def test_the_first_one_comes_when_the_fleet_has_settled() -> None:
    assert due_at(None, NOON, 3) == at(2, 12, 15)


def test_each_day_at_its_hour() -> None:
    assert due_at(at(2, 3, 1), LONG_AGO, 3) == at(3, 3)
    assert due_at(at(2, 2, 59), LONG_AGO, 3) == at(2, 3)
    assert due_at(at(2, 3), LONG_AGO, 3) == at(3, 3)
    assert due_at(at(2, 12), LONG_AGO, 0) == at(3, 0)


def test_a_restart_neither_doubles_nor_forgets_one() -> None:
    assert due_at(at(2, 3, 1), NOON, 3) == at(3, 3)
    # It was down at its hour: made up for, but not at once.
    assert due_at(at(1, 3, 1), NOON, 3) == at(2, 12, 15)


def test_only_daily_ones_count(tmp_path: Path) -> None:
    assert newest_daily(tmp_path, at(5, 12)) is None
    for name in ("20260101T030000Z-daily", "20260102T030000Z-daily", "20260103T030000Z-fleet", ".unfinished-x"):
        (tmp_path / name).mkdir()
    assert newest_daily(tmp_path, at(5, 12)) == at(2, 3)
    assert newest_daily(tmp_path, at(2, 2)) == at(1, 3)
