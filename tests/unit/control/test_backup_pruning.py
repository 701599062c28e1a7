"""Seven days and four weeks stay, and nothing that a person made goes."""

from datetime import UTC, datetime, timedelta

from hanfleet.control.backups.pruning import superfluous
from hanfleet.core.backup_ids import backup_id, begun_at, is_backup_id, is_daily

START = datetime(2026, 1, 1, 3, tzinfo=UTC)


def daily(days: int) -> list[str]:
    return [backup_id(START + timedelta(days=n), None, daily=True) for n in range(days)]


def kept(names: list[str], days: int = 7, weeks: int = 4) -> list[str]:
    gone = superfluous(names, days=days, weeks=weeks)
    return [name for name in names if name not in gone]


def test_the_last_days_and_the_last_of_each_week() -> None:
    left = [begun_at(name).date().isoformat() for name in kept(daily(60))]
    # 2026-03-01 is a Sunday: weeks end on 02-08, 02-15, 02-22 and 03-01.
    assert left == [
        *("2026-02-08", "2026-02-15", "2026-02-22"),
        *("2026-02-23", "2026-02-24", "2026-02-25", "2026-02-26", "2026-02-27", "2026-02-28", "2026-03-01"),
    ]


def test_pruning_day_by_day_ends_with_the_same() -> None:
    there: list[str] = []
    for name in daily(60):
        there = kept([*there, name])
    assert there == kept(daily(60))


def test_of_one_day_the_newest_stays() -> None:
    names = [backup_id(START + timedelta(hours=n), None, daily=True) for n in range(3)]
    assert kept(names) == names[-1:]


def test_time_off_costs_nothing() -> None:
    later = backup_id(START + timedelta(days=400), None, daily=True)
    assert kept([*daily(3), later]) == [*daily(3), later]


def test_what_a_person_made_stays() -> None:
    made = [backup_id(START - timedelta(days=n), bot) for n, bot in ((900, None), (800, "mira"), (700, "daily"))]
    assert kept([*made, *daily(60)])[:3] == made


def test_names_tell_when_and_what() -> None:
    name = backup_id(datetime(2026, 1, 2, 3, 4, 5, 999, tzinfo=UTC), "a-1")
    assert name == "20260102T030405Z-bot-a-1"
    assert begun_at(name) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert is_backup_id(name)
    assert not is_daily(backup_id(START, "daily"))
    assert is_daily(f"{backup_id(START, None, daily=True)}-2")
    assert not any(map(is_backup_id, ("erased.jsonl", ".unfinished-20260102T030405Z-fleet", "20260102T030405Z-")))
