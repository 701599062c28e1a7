"""Waiting for hints without a database, and with one that comes and goes."""

import asyncio
import time

from hanfleet.kit.clock import SystemClock
from hanfleet.store.session import Store
from tests.support.database import Database


async def test_an_absent_database_is_waited_for_and_never_an_error() -> None:
    store = Store("postgresql://u:p@/x?host=/nowhere/at/all", clock=SystemClock(), application_name="test")
    started = time.monotonic()
    async with store.listen("anything") as hints:
        assert not await hints.wait(0.3)
    assert 0.3 <= time.monotonic() - started < 3


async def test_a_hint_that_came_between_two_waits_is_not_lost(database: Database) -> None:
    raw = await database.connect()
    async with database.supervisor.listen("anything") as hints:
        assert await hints.wait(10)
        await raw.execute("NOTIFY anything")
        await raw.execute("NOTIFY anything")
        await asyncio.sleep(0.1)  # both are here by now: they count as one
        assert await hints.wait(10)
        assert not await hints.wait(0.1)
        await raw.execute("NOTIFY something_else")
        assert not await hints.wait(0.1)
