import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress

from hanfleet.core.errors import BusUnavailableError, StoreUnavailableError
from hanfleet.core.events import BotStarted, BotStopped, Event
from hanfleet.kit.clock import SystemClock
from hanfleet.supervisor.allowance import Allowance
from hanfleet.supervisor.relay import RELAY, Relay
from tests.support.database import SYSTEM, BotLogIn, Database
from tests.support.waiting import eventually


class ForgetfulBus:
    """Takes events, loses the connection as often as it is told, also after it has taken them."""

    def __init__(self) -> None:
        self.taken: list[Event] = []
        self.refusals = 0
        self.lost_answers = 0

    async def publish(self, events: Sequence[Event]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise BusUnavailableError("away")
        self.taken.extend(events)
        if self.lost_answers:
            self.lost_answers -= 1
            raise BusUnavailableError("gone after it was taken")


class RestingClock(SystemClock):
    """Tells that the relay has found nothing due."""

    def __init__(self) -> None:
        self.rested = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.rested.set()
        await super().sleep(seconds)


async def nobody(bot_id: str) -> None:
    raise AssertionError(f"{bot_id} did nothing to be shut out")


async def _happen(database: Database, count: int) -> None:
    async with database.supervisor.transaction(SYSTEM) as tx:
        for _ in range(count):
            await tx.events.append(BotStarted(bot_id="anna"), bot_id="anna")
            await tx.events.append(BotStopped(bot_id="boris"), bot_id="boris")


async def test_events_are_published_in_order_once_the_bus_is_back(database):
    for bot_id in ("anna", "boris"):
        await database.add_bot(bot_id)
    bus = ForgetfulBus()
    bus.refusals, bus.lost_answers = 2, 1
    relay = Relay(database.relay, bus, nobody, SystemClock(), idle_s=0.02, outage_s=0.02)
    await _happen(database, 5)
    loop = asyncio.create_task(relay.run())
    try:
        # At least once: the batch whose answer was lost came twice.
        await eventually(lambda: len({event.id for event in bus.taken}) >= 10 and not bus.lost_answers)
        await _happen(database, 5)

        async def all_marked():
            async with database.relay.transaction(RELAY) as tx:
                return not await tx.events.unpublished()

        await eventually(all_marked)
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop
    first_seen = list({event.id: event for event in bus.taken}.values())
    for bot_id in ("anna", "boris"):
        order = [event.seq for event in first_seen if event.bot_id == bot_id]
        assert order == list(range(1, len(order) + 1))
        assert len(order) >= 10


async def test_nothing_due_costs_one_question(database):
    assert await Relay(database.relay, ForgetfulBus(), nobody, SystemClock()).publish_due() == 0


_PLANT = (
    "INSERT INTO events (id, type, version, source, bot_id, seq, data, correlation_id, timestamp)"
    " VALUES (gen_random_uuid(), 'bot.x', 1, 'worker', 'anna', $1, $2, gen_random_uuid(), $3::text::timestamptz)"
)


async def test_a_row_that_makes_no_event_is_set_aside_and_stops_nobody(database):
    """Nobody may write such rows any more; one from before, or from whoever may, is still only one row."""
    await database.add_bot("anna")
    await database.add_bot("boris")
    await _happen(database, 1)
    raw = await database.connect()
    deep = '{"a": ' + "[" * 1500 + "]" * 1500 + "}"
    spoilt = [('{"a": 1e5000}', "now"), (deep, "now"), ("[]", "now"), ("{}", "4000-01-01 BC"), ("{}", "infinity")]
    for seq, (data, at) in enumerate(spoilt, start=100):
        await raw.execute(_PLANT, seq, data, at)
    await _happen(database, 1)
    bus = ForgetfulBus()
    relay = Relay(database.relay, bus, nobody, SystemClock())
    assert await relay.publish_due() == len(spoilt) + 6
    assert await relay.publish_due() == 0
    assert len(bus.taken) == 6  # both bots were registered, and each says two things
    assert {event.seq for event in bus.taken if event.bot_id == "anna"} == {1, 2, 3}
    async with database.api.transaction(SYSTEM) as tx:
        assert [event.seq for event in await tx.events.list(bot_id="anna")] == [1, 2, 3]


async def _flood(database: Database, count: int) -> None:
    await _write_many(database, await database.add_bot("mallory"), count)


async def _write_many(database: Database, mallory: BotLogIn, count: int) -> None:
    """In one transaction, as large as may be, and by its own account before anything else."""
    raw = await database.connect(mallory.url)
    await raw.execute(
        "INSERT INTO events (id, type, version, source, bot_id, seq, data, correlation_id, timestamp)"
        " SELECT gen_random_uuid(), 'user.x', 1, 'worker', 'mallory', 1, jsonb_build_object('a', repeat('x', 3900)),"
        f" gen_random_uuid(), now() - interval '1 hour' FROM generate_series(1, {count})"
    )


async def test_a_flood_holds_up_nobody_and_fills_no_batch(database: Database) -> None:
    await _flood(database, 2000)
    await database.add_bot("zoe")
    bus = ForgetfulBus()
    relay = Relay(database.relay, bus, nobody, SystemClock())
    assert await relay.publish_due() < 200
    assert [event.seq for event in bus.taken if event.bot_id == "zoe"] == [1]
    async with database.relay.transaction(RELAY) as tx:
        assert len(await tx.events.unpublished(50)) == 50
        few = await tx.events.unpublished(50, max_bytes=20_000)
        assert sum(len(json.dumps(event.data)) for event in few if isinstance(event, Event)) < 24_000
        assert len(few) == 6
        assert len(await tx.events.unpublished(50, max_bytes=1)) == 1
        assert await tx.events.unpublished(50, resting={"mallory"}) == []


async def test_what_gathered_while_nobody_published_is_nobodys_offence(database: Database) -> None:
    """An honest bot has much to tell after a long outage of the bus."""
    await _flood(database, 500)
    bus = ForgetfulBus()
    shut_out: list[str] = []

    async def end(bot_id: str) -> None:
        shut_out.append(bot_id)

    allowance = Allowance(burst=2000, per_s=0.001)  # each of its events counts for fifteen
    loop = asyncio.create_task(Relay(database.relay, bus, end, SystemClock(), allowance=allowance).run())
    try:
        await eventually(lambda: len(bus.taken) >= 200, what="what it may send at once is sent")
        await database.add_bot("zoe")
        await eventually(lambda: any(event.bot_id == "zoe" for event in bus.taken), what="passes go on")
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop
    assert shut_out == []


async def test_who_floods_the_streams_is_shut_out_and_its_events_wait(database: Database) -> None:
    bus = ForgetfulBus()
    shut_out: list[str] = []
    slow_end = asyncio.Event()

    async def end(bot_id: str) -> None:
        shut_out.append(bot_id)
        if len(shut_out) == 1:
            raise StoreUnavailableError("away")
        await slow_end.wait()

    # Its first event, that it was added, is one of what may pass.
    mallory = await database.add_bot("mallory")
    allowance = Allowance(burst=2000, per_s=0.001)  # each of its events counts for fifteen
    clock = RestingClock()
    loop = asyncio.create_task(Relay(database.relay, bus, end, clock, allowance=allowance).run())
    try:
        await clock.rested.wait()  # it is up to date
        await _write_many(database, mallory, 500)
        await eventually(lambda: shut_out == ["mallory"] * 2, what="it is shut out, at the second try")
        await database.add_bot("zoe")
        await eventually(lambda: any(event.bot_id == "zoe" for event in bus.taken), what="the others go on")
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop
    assert shut_out == ["mallory"] * 2
    assert len([event for event in bus.taken if event.bot_id == "mallory"]) == 201
    async with database.relay.transaction(RELAY) as tx:
        assert await tx.events.unpublished()
