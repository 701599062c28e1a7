"""`hanfleet up`'s backup of the day, made by a process of its own."""

import asyncio
from datetime import timedelta
from typing import Any

from hanfleet.app.daily_backups import keep_backed_up
from hanfleet.app.erasure_ledger import BACKUPS_FOLDER
from hanfleet.app.home import Home
from hanfleet.app.parts import Wiring
from hanfleet.app.settings import Settings, load_settings
from hanfleet.control.backups import Library, listed
from hanfleet.kit.clock import ManualClock, SystemClock
from tests.support.database import SYSTEM, Database, database
from tests.support.waiting import eventually

__all__ = ["database"]


def wiring(home: Home, owner_url: str, settings: Settings) -> Wiring:
    return Wiring(
        home=home,
        settings=settings,
        urls={"owner": owner_url},
        redis_url="",
        master_key=bytes(32),
        node="here",
        telegram_server=None,
    )


async def alerts(database: Database) -> list[tuple[str, str | None]]:
    """What is open: (what it says, the bot)."""
    async with database.supervisor.transaction(SYSTEM) as tx:
        return [(alert.detail, alert.bot_id) for alert in await tx.alerts.open()]


async def no_alerts(database: Database) -> bool:
    return not await alerts(database)


async def test_made_pruned_and_told_when_it_fails(home: Home, database: Database) -> None:
    library = Library(home.path / BACKUPS_FOLDER)
    for days in range(1, 9):
        begun = SystemClock().now() - timedelta(days=40 + days)
        (library.path / begun.strftime("%Y%m%dT030000Z-daily")).mkdir(parents=True)
    told: list[tuple[str, dict[str, Any]]] = []
    fleet = wiring(home, database.urls.owner, load_settings(backup_keep_days=2, backup_keep_weeks=0))
    clock = ManualClock(SystemClock().now())
    keeping = asyncio.create_task(keep_backed_up(fleet, clock, lambda what, facts: told.append((what, facts))))
    try:
        with library.lock():
            await eventually(lambda: told, within=30)
            ((detail, raised_for),) = await eventually(lambda: alerts(database), within=30)
        assert told[0][0] == "backup_failed"
        assert "Another command works on the backups" in told[0][1]["reason"]
        assert len(library.ids()) >= 8
        assert raised_for is None
        assert detail.startswith("The backup of the day failed: Another command works on the backups")
        assert "hanfleet backup create" in detail
        await eventually(lambda: len(library.ids()) <= 2, within=30)
        await eventually(lambda: no_alerts(database), within=30)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    assert listed(library)[-1].problem == ""
    assert "daily backup" in (home.logs / "backup.log").read_text()


async def test_off_is_off(home: Home) -> None:
    settings = load_settings().model_copy(update={"backup_hour": None})
    await keep_backed_up(wiring(home, "postgresql://nowhere", settings), SystemClock(), lambda *_: None)
    assert not (home.path / BACKUPS_FOLDER).exists()
