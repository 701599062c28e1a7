"""What is too old goes; what still waits, and what nobody set a time for, stays."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from hanfleet.kit.clock import SystemClock
from hanfleet.store.bot_sessions import BotSessions
from hanfleet.supervisor.retention import Retention
from hanfleet.supervisor.server_process import ServerProcesses
from hanfleet.supervisor.session_watch import SessionWatch
from tests.integration.store.conversation_steps import ANN, NOON, decide, disclose, load, message, take
from tests.support.database import SYSTEM, Database

DAYS = timedelta(days=1)


@pytest.fixture
def retention(database: Database) -> Retention:
    return _retention(database, tries=2, again_s=0.01, wait_s=0.2)


def _retention(database: Database, *, tries: int, again_s: float, wait_s: float = 3.0) -> Retention:
    return Retention(
        database.supervisor,
        database.clock,
        events=90 * DAYS,
        metrics=30 * DAYS,
        audit=365 * DAYS,
        tries=tries,
        again_s=again_s,
        wait_s=wait_s,
    )


async def _months(database: Database, parent: str) -> set[str]:
    admin = await database.connect()
    rows = await admin.fetch(
        f"SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = '{parent}'::regclass"
    )
    return {row["name"] for row in rows}


async def _add_month(database: Database, parent: str, age: timedelta) -> tuple[str, datetime]:
    """A partition of the month that was ``age`` ago, with one row in it."""
    at = SystemClock().now() - age
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + 32 * DAYS).replace(day=1)
    name = f"{parent}_y{first:%Y}m{first:%m}"
    owner = await database.connect(database.urls.owner)
    await owner.execute(f"CREATE TABLE {name} PARTITION OF {parent} FOR VALUES FROM ('{first}') TO ('{following}')")
    if parent == "events":
        await owner.execute(
            "INSERT INTO events (id, type, version, source, data, correlation_id, timestamp, published_at)"
            " VALUES (gen_random_uuid(), 'system.x', 1, 'test', '{}', gen_random_uuid(), $1, $1)",
            first,
        )
    else:
        await owner.execute("INSERT INTO metrics_data VALUES ('anna', 'x', 1, $1)", first)
    return name, first


async def test_old_months_go_and_young_ones_stay(database: Database, retention: Retention) -> None:
    old = [(await _add_month(database, parent, 130 * DAYS))[0] for parent in ("events", "metrics_data")]
    young = (await _add_month(database, "events", 50 * DAYS))[0]
    await retention.run()
    events, metrics = await _months(database, "events"), await _months(database, "metrics_data")
    assert not {*old} & (events | metrics)
    assert young in events
    assert "events_default" in events


async def test_a_month_with_an_event_that_waits_for_publication_stays(database: Database, retention: Retention) -> None:
    name, first = await _add_month(database, "events", 130 * DAYS)
    admin = await database.connect()
    await admin.execute("UPDATE events SET published_at = NULL WHERE timestamp = $1", first)
    await retention.run()
    assert name in await _months(database, "events")
    await admin.execute("UPDATE events SET published_at = now() WHERE timestamp = $1", first)
    await retention.run()
    assert name not in await _months(database, "events")


async def test_behind_a_long_transaction_it_gives_up_and_does_the_rest(
    database: Database, retention: Retention
) -> None:
    name, _ = await _add_month(database, "events", 130 * DAYS)
    metrics, _ = await _add_month(database, "metrics_data", 130 * DAYS)
    bot = await database.add_bot()
    raw = await database.connect(bot.url)
    async with raw.transaction():
        await raw.fetch("SELECT * FROM events")
        with capture_logs() as logged:
            await retention.run()
        assert [line["step"] for line in logged] == ["old events"] * 4
        assert "lock timeout" in logged[0]["error"]
        assert "in vain each time" in logged[-1]["event"]
        assert name in await _months(database, "events")
        assert metrics not in await _months(database, "metrics_data")
    await retention.run()
    assert name not in await _months(database, "events")


async def test_a_bot_that_keeps_a_month_locked_is_ended_by_the_watch(database: Database) -> None:
    name, _ = await _add_month(database, "events", 130 * DAYS)
    mallory = await database.add_bot("mallory")
    for _ in range(2):
        await (await database.connect(mallory.url)).execute("BEGIN; SELECT FROM events")
    sessions = BotSessions(database.urls.provisioner)
    watch = SessionWatch(database.supervisor, sessions, sessions.fence, SystemClock(), processes=ServerProcesses(None))
    watching = asyncio.create_task(watch.run())
    try:
        await _retention(database, tries=1, again_s=0.01).run()
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    assert name not in await _months(database, "events")


async def test_only_events_and_metrics_go_by_months(database: Database) -> None:
    admin = await database.connect()
    with pytest.raises(Exception, match="not dropped by age"):
        await admin.fetchval("SELECT drop_old_months('messages', now())")


async def test_messages_go_after_the_days_that_the_bot_is_set_to(database: Database, retention: Retention) -> None:
    keeps, drops = await database.add_bot("keeps"), await database.add_bot("drops")
    for bot in (keeps, drops):
        await disclose(bot)
        await take(bot, message(7, "still waits"))
    admin = await database.connect()
    # What is old is old by its id and by its time; the clock of these tests is the machine's.
    await admin.execute(
        "UPDATE messages SET created_at = $1, id = overlay(id::text placing '0190' from 1)::uuid", NOON - 300 * DAYS
    )
    await admin.execute("UPDATE outbox SET id = overlay(id::text placing '0190' from 1)::uuid")
    await take(drops, message(8, "fresh"))
    async with database.api.transaction(SYSTEM) as tx:
        await tx.bots.set_config("drops", {"name": "Drops", "data_isolation": {"retention_days": 30}})
    await retention.run()

    async def left(bot_id: str) -> list[str]:
        async with database.api.transaction(SYSTEM) as tx:
            return [row.text for row in await tx.messages.list(bot_id, ANN)]

    assert await left("keeps") == ["hello", "I am an AI.", "hi", "still waits"]
    assert await left("drops") == ["still waits", "fresh"]
    assert {row["bot_id"] for row in await admin.fetch("SELECT bot_id FROM outbox")} == {"keeps"}
    # The contact stays told, and the talk goes on.
    assert await decide(drops, await load(drops), "hi again")


async def test_what_is_yet_to_be_sent_stays_however_old(database: Database, retention: Retention) -> None:
    bot = await database.add_bot()
    await take(bot, message(1))
    assert await decide(bot, await load(bot), "hi")
    admin = await database.connect()
    await admin.execute("UPDATE messages SET created_at = $1", NOON - 300 * DAYS)
    async with database.api.transaction(SYSTEM) as tx:
        assert await tx.messages.expire("anna", SystemClock().now() + DAYS) == 1
        assert [row.text for row in await tx.messages.list("anna", ANN)] == ["I am an AI.", "hi"]
