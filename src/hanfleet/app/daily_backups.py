"""The backup of the day: when it is due, and having a short process make it.

The backups that are there tell when the last one was, so a restart neither doubles nor forgets one. One that fails is
logged, told, raised as an alert until one is made, and tried again later; the fleet goes on.
"""

import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hanfleet.app.backup_main import BackupOutcome, BackupPayload
from hanfleet.app.children import child_environment
from hanfleet.app.erasure_ledger import BACKUPS_FOLDER
from hanfleet.app.errand import run_errand
from hanfleet.app.folders import make_folder
from hanfleet.app.parts import Wiring
from hanfleet.core.backup_ids import begun_at, is_daily
from hanfleet.core.errors import HanfleetError, PermanentError
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger

# A fleet that has just started has better things to do, and one that lives shorter is a rehearsal.
_SETTLED = timedelta(minutes=15)
_AGAIN = timedelta(hours=1)
# The wall clock may be set, so a long wait is many short ones.
_LOOK_S = 60.0

_log = get_logger(__name__)


def due_at(newest: datetime | None, started: datetime, hour: int) -> datetime:
    """When the next one is due: at the first ``hour`` (UTC) after the newest, but not right after the start.

    Without any, as soon as the fleet has settled.
    """
    settled = started + _SETTLED
    if newest is None:
        return settled
    due = newest.replace(hour=hour, minute=0, second=0, microsecond=0)
    while due <= newest:
        due += timedelta(days=1)
    return max(due, settled)


def newest_daily(library: Path, now: datetime) -> datetime | None:
    """When the newest daily backup was begun; one of tomorrow, from a clock that was wrong, counts as none."""
    found = [begun_at(entry.name) for entry in library.iterdir() if is_daily(entry.name)]
    return max((begun for begun in found if begun <= now), default=None)


async def keep_backed_up(wiring: Wiring, clock: Clock, tell: Callable[[str, dict[str, Any]], None]) -> None:
    """Make one whenever it is due, until cancelled; returns at once when the settings want none.

    The master key stays the same for that long: it is replaced only while no fleet runs.
    """
    hour = wiring.settings.backup_hour
    if hour is None:
        return
    library = wiring.home.path / BACKUPS_FOLDER
    not_before = started = clock.now()
    while True:
        try:
            make_folder(library, 0o700)
            while (now := clock.now()) < max(due_at(newest_daily(library, now), started, hour), not_before):
                await clock.sleep(_LOOK_S)
            made = await _make(wiring, library)
        except (HanfleetError, OSError) as failed:
            _log.warning("no daily backup", reason=str(failed))
            tell("backup_failed", {"reason": str(failed)})
            not_before = clock.now() + _AGAIN
            await _alert(wiring, library, str(failed))
        else:
            _log.info("daily backup", made=made.made, rows=made.rows, pruned=len(made.pruned))


async def _alert(wiring: Wiring, library: Path, failed: str) -> None:
    try:
        await _make(wiring, library, failed=failed)
    except (HanfleetError, OSError) as refused:
        # Often it is the database itself that is away: then the next try says it.
        _log.warning("no alert about the failed backup", reason=str(refused))


async def _make(wiring: Wiring, library: Path, *, failed: str = "") -> BackupOutcome:
    """Have the process make one, or with ``failed`` only the alert."""

    def payload(outcome_fd: int) -> bytes:
        told = BackupPayload(
            owner_url=wiring.urls["owner"],
            master_key=wiring.master_key.hex(),
            library=library,
            keep_days=wiring.settings.backup_keep_days,
            keep_weeks=wiring.settings.backup_keep_weeks,
            outcome_fd=outcome_fd,
            failed=failed,
        )
        return told.model_dump_json().encode()

    raw = await run_errand(
        "hanfleet.app.backup_main",
        payload,
        environ=child_environment(),
        log=wiring.home.logs / "backup.log",
        parent_death_signal=signal.SIGKILL,
    )
    outcome = BackupOutcome.model_validate_json(raw)
    if outcome.refusal:
        raise PermanentError(outcome.refusal)
    return outcome
