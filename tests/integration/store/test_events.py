"""Events wait in the order of their bot until the relay has published them."""

from collections.abc import Sequence
from datetime import timedelta

from hanfleet.core.events import BotStarted, Event, LeaderElected
from hanfleet.kit.clock import ManualClock
from tests.support.database import SYSTEM, Database


async def _unpublished(database: Database, limit: int = 500) -> Sequence[Event]:
    async with database.relay.transaction(SYSTEM) as tx:
        return [event for event in await tx.events.unpublished(limit) if isinstance(event, Event)]


async def test_events_are_published_once_and_listed_for_good(database: Database) -> None:
    async with database.api.transaction(SYSTEM) as tx:
        await tx.bots.add("anna", {"name": "Anna"})
        first = await tx.events.append(LeaderElected(node="n", epoch=1), bot_id=None)
        await tx.events.append(BotStarted(bot_id="anna"), bot_id="anna", correlation_id=first, causation_id=first)
    waiting = await _unpublished(database)
    assert [(event.type, event.seq, event.bot_id) for event in waiting] == [
        ("system.supervisor.leader_elected", None, None),
        ("bot.registry.registered", 1, "anna"),
        ("bot.lifecycle.started", 2, "anna"),
    ]
    assert waiting[0].correlation_id == waiting[0].id
    assert (waiting[2].correlation_id, waiting[2].causation_id) == (first, first)
    async with database.relay.transaction(SYSTEM) as tx:
        await tx.events.mark_published(waiting[:2])
        await tx.events.mark_published(waiting[:2])
    assert await _unpublished(database) == waiting[2:]
    async with database.api.transaction(SYSTEM) as tx:
        assert len(await tx.events.list()) == 3
        assert [event.type for event in await tx.events.list(type="bot.lifecycle.started")] == ["bot.lifecycle.started"]
        after = waiting[2].timestamp + timedelta(seconds=1)
        assert list(await tx.events.list(since=after)) == []
        assert len(await tx.events.list(until=after, bot_id="anna")) == 2
        assert len(await tx.events.list(limit=1)) == 1


async def test_a_small_batch_never_runs_ahead_of_a_bots_order(database: Database) -> None:
    """A process whose clock is behind writes an earlier time under a later number."""
    clock = ManualClock()
    late = await database.store(database.urls.supervisor, clock=clock)
    async with database.api.transaction(SYSTEM) as tx:
        await tx.bots.add("anna", {"name": "Anna"})
        await tx.bots.add("bella", {"name": "Bella"})
    async with late.transaction(SYSTEM) as tx:
        await tx.events.append(BotStarted(bot_id="anna"), bot_id="anna")
    batch = await _unpublished(database, limit=3)
    assert [(event.bot_id, event.seq) for event in batch] == [("anna", 1), ("anna", 2), ("bella", 1)]
    assert batch[1].timestamp < batch[0].timestamp
    for limit in (1, 2):  # bots by turns
        assert {event.seq for event in await _unpublished(database, limit)} == {1}


async def test_months_have_partitions_ahead(database: Database) -> None:
    raw = await database.connect()
    count = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass"
    assert await raw.fetchval(count) == 4  # three months and the default
    month = await raw.fetchval(
        "SELECT to_char(now() AT TIME ZONE 'UTC' + interval '2 months', '\"events_y\"YYYY\"m\"MM')"
    )
    await raw.execute(f"DROP TABLE {month}")
    async with database.supervisor.transaction(SYSTEM) as tx:
        await tx.events.ensure_partitions()
        await tx.events.ensure_partitions()
    assert await raw.fetchval(count) == 4
    # A month that has strays in the default partition is left to it.
    await raw.execute(f"DROP TABLE {month}")
    await raw.execute(
        "INSERT INTO events (id, type, version, source, data, correlation_id, timestamp) VALUES"
        " (gen_random_uuid(), 'system.x', 1, 'test', '{}', gen_random_uuid(),"
        "  date_trunc('month', now() + interval '2 months') + interval '1 day')"
    )
    async with database.supervisor.transaction(SYSTEM) as tx:
        await tx.events.ensure_partitions()
    assert await raw.fetchval(count) == 3
