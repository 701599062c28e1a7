"""Which of the daily backups have served: the newest of each of the last days stays, and of each of the last weeks."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from hanfleet.control.backups.library import Library
from hanfleet.core.backup_ids import begun_at, is_daily


def prune(library: Library, *, days: int, weeks: int) -> list[str]:
    """Remove daily backups that are superfluous and give their names. Call it under the library's lock."""
    gone = superfluous(library.ids(), days=days, weeks=weeks)
    for backup_id in gone:
        library.remove(backup_id)
    return gone


def superfluous(backup_ids: Iterable[str], *, days: int, weeks: int) -> list[str]:
    """The daily ones among ``backup_ids`` that go, oldest first.

    Of each of the newest ``days`` days that have any, and of each of the newest ``weeks`` weeks (ISO 8601), the newest
    stays; times are UTC. Days without a backup do not count, so a fleet that was off for a year loses nothing.
    """
    daily = sorted((name for name in backup_ids if is_daily(name)), key=begun_at)
    kept = _newest_of_each(daily, lambda at: at.date(), days) | _newest_of_each(
        daily, lambda at: at.isocalendar()[:2], weeks
    )
    return [name for name in daily if name not in kept]


def _newest_of_each(names: list[str], span: Callable[[datetime], Any], count: int) -> set[str]:
    newest = {span(begun_at(name)): name for name in names}
    return set(list(newest.values())[len(newest) - count :] if count < len(newest) else newest.values())
