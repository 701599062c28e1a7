"""A person's account whose bot comes back from a backup: Telegram tells of what was said since, and all goes on."""

from typing import Any

import pytest

from hanfleet.bus import Bus
from hanfleet.core.states import WorkerPhase
from tests.integration.worker.test_accounts import Remote, bus, log_in, person
from tests.support.waiting import eventually
from tests.support.workers import Rehearsal, times

# Their bots have one name, and all tests share a bus: whose worker hears a command would be chance.
pytestmark = pytest.mark.xdist_group("mia on the bus")

__all__ = ["bus", "person"]

_CAUGHT_UP = "SELECT count(*) FROM messages WHERE direction = 'out' AND outbox_id IS NULL"
_LATER_ROWS = "DELETE FROM {table} WHERE bot_id = 'mia' AND created_at > $1"


async def test_who_was_answered_since_the_backup_is_answered_again_when_there_is_something_new(
    person: Rehearsal, bus: Bus, valkey_url: str
) -> None:
    person.bus_url = valkey_url
    raw = await person.database.connect()
    ann = await person.contact()
    async with person.worker() as worker:
        await eventually(lambda: worker.instance.phase is WorkerPhase.AWAITING_LOGIN)
        await log_in(person, Remote(person, bus))
        await worker.is_running()
        await ann.says("Hello #00000001")
        await ann.hears_about("#00000001")
        await eventually(lambda: _all_known(raw), what="the answer came back")
        backup = await raw.fetchrow("SELECT pts, qts, date, seq, clock_timestamp() AS at FROM sessions")
        await ann.says("Still there? #00000002")
        await ann.hears_about("#00000002")
        await eventually(lambda: _all_known(raw), what="the answer came back")
        await worker.stop()
    await _put_back(raw, backup)
    async with person.worker() as worker:
        await worker.is_running()
        await eventually(lambda: raw.fetchval(_CAUGHT_UP), what="Telegram told of the answer")
        await ann.says("And now? #00000003")
        heard = await ann.hears_about("#00000003")
        await worker.stop()
    assert times(heard, "#00000002") == 1
    assert await raw.fetchval("SELECT paused_at FROM user_profiles") is None
    assert await raw.fetchval("SELECT count(*) FROM messages WHERE author = 'owner'") == 0


async def _all_known(raw: Any) -> bool:
    return not await raw.fetchval("SELECT count(*) FROM messages WHERE telegram_id IS NULL OR waiting")


async def _put_back(raw: Any, backup: Any) -> None:
    """What a restore of that moment leaves."""
    for table in ("outbox", "turns", "messages"):
        await raw.execute(_LATER_ROWS.format(table=table), backup["at"])
    await raw.execute(
        "UPDATE conversations SET newest_inbound = first.id, answered_through = first.id"
        " FROM (SELECT max(telegram_id) AS id FROM messages WHERE direction = 'in') AS first"
    )
    await raw.execute(
        "UPDATE sessions SET pts = $1, qts = $2, date = $3, seq = $4, restored_at = clock_timestamp()",
        *list(backup)[:4],
    )
