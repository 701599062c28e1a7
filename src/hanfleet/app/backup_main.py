"""A short process that makes the backup of the day and lets old ones go (see daily_backups.py).

It also keeps the alert about backups that fail, for `hanfleet up` has no connection to the database.
"""

import asyncio
import os
import sys
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from hanfleet.app.startup_channel import read_startup
from hanfleet.core.errors import HanfleetError
from hanfleet.kit.logging import configure_logging, get_logger

# The bots answer first.
_NICE = 10

_ALERT = "backup_failed"

_log = get_logger(__name__)


class BackupPayload(BaseModel):
    """Secrets in clear, so only for the start-up channel: a password in ``owner_url``, ``master_key`` in hexadecimal.

    ``outcome_fd`` is inherited. ``failed``: why the last one came to nothing; then none is made, only the alert is.
    """

    model_config = ConfigDict(frozen=True)

    owner_url: str
    master_key: str
    library: Path
    keep_days: int
    keep_weeks: int
    outcome_fd: int
    failed: str = ""


class BackupOutcome(BaseModel):
    """The id of what was made, or the sentence ``refusal``; ``pruned`` are those that went."""

    model_config = ConfigDict(frozen=True)

    made: str = ""
    rows: int = 0
    pruned: tuple[str, ...] = ()
    refusal: str = ""


async def back_up(payload: BackupPayload) -> BackupOutcome:
    """Make one of everything, then prune: what there was before goes only when there is something newer."""
    from hanfleet.control.backups import Library, create
    from hanfleet.control.backups.pruning import prune
    from hanfleet.kit.clock import SystemClock
    from hanfleet.vault import MasterKey

    if payload.failed:
        await _alert(payload.owner_url, payload.failed)
        return BackupOutcome()
    library = Library(payload.library)
    try:
        with library.lock():
            manifest = await create(
                payload.owner_url,
                MasterKey(bytes.fromhex(payload.master_key)),
                library,
                SystemClock(),
                release=version("hanfleet"),
                daily=True,
            )
            pruned = prune(library, days=payload.keep_days, weeks=payload.keep_weeks)
    except HanfleetError as refused:
        return BackupOutcome(refusal=str(refused))
    try:
        await _alert(payload.owner_url, "")
    except HanfleetError as refused:
        # The backup is made all the same; tomorrow's ends the alert.
        _log.warning("the alert about failed backups stays open", reason=str(refused))
    return BackupOutcome(made=manifest.contents.id, rows=manifest.contents.rows, pruned=tuple(pruned))


async def _alert(owner_url: str, failed: str) -> None:
    """Raise the alert, which stays one however often it fails; ``failed`` "": it is over."""
    from hanfleet.kit.clock import SystemClock
    from hanfleet.store.operator_records import Severity
    from hanfleet.store.principals import SystemPrincipal
    from hanfleet.store.session import Store

    store = Store(owner_url, clock=SystemClock(), application_name="hanfleet backup")
    try:
        async with store.transaction(SystemPrincipal("backup")) as tx:
            if not failed:
                await tx.alerts.resolve(_ALERT)
                return
            detail = (
                f"The backup of the day failed: {failed.rstrip('.')}. It is tried again every hour;"
                " once the cause is mended, hanfleet backup create makes one at once."
            )
            await tx.alerts.raise_(_ALERT, Severity.WARNING, detail)
    finally:
        await store.close()


def main() -> int:
    """The process' exit status."""
    payload = BackupPayload.model_validate_json(read_startup())
    configure_logging("backup")
    os.nice(_NICE)
    outcome = asyncio.run(back_up(payload))
    _log.info("daily backup", **outcome.model_dump(exclude_defaults=True))
    with os.fdopen(payload.outcome_fd, "wb") as file:
        file.write(outcome.model_dump_json().encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
