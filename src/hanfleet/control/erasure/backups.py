"""Until when backups from before an erasure may hold the contact. Refuses to open one: it stays as it was made."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hanfleet.core.backup_ids import begun_at, is_backup_id, is_daily


@dataclass(frozen=True)
class BackupsLeft:
    """``until``: by then the last daily one is pruned, if one is made each day; None: there is none.

    Those that a person made stay until a person removes them.
    """

    until: datetime | None
    by_hand: tuple[str, ...]


def backups_that_hold(folder: Path, kept: timedelta) -> BackupsLeft:
    """Every backup in ``folder`` counts: nobody has looked into them. ``kept``: how long a daily one is at most."""
    names = sorted(entry.name for entry in folder.iterdir() if is_backup_id(entry.name)) if folder.is_dir() else []
    daily = [begun_at(name) for name in names if is_daily(name)]
    until = max(daily) + kept if daily else None
    return BackupsLeft(until, tuple(name for name in names if not is_daily(name)))
