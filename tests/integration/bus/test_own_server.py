"""What needs a server of its own: it goes away and comes back, and streams hold what belongs to no other test.

Nobody dies of an outage, and readers go on by themselves.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
import pytest_asyncio

from hanfleet.app.embedded import EmbeddedValkey
from hanfleet.app.home import Home
from hanfleet.bus import Bus, BusProvisioner, DeadLetters, IPCManager, Producer, open_bus
from hanfleet.core.commands import Ping, Response
from hanfleet.core.errors import BusUnavailableError, CommandTimeoutError
from hanfleet.core.events import Category, Event
from hanfleet.kit.clock import SystemClock
from tests.support.waiting import eventually


@pytest_asyncio.fixture
async def server() -> AsyncIterator[EmbeddedValkey]:
    home = Home.temporary()
    server = EmbeddedValkey(home, durable=False)
    await server.start()
    yield server
    await server.stop()
    home.destroy()


@pytest_asyncio.fixture
async def bus(server: EmbeddedValkey) -> AsyncIterator[Bus]:
    async with open_bus(server.url, clock=SystemClock()) as bus:
        yield bus


async def asked(ipc: IPCManager) -> bool:
    with suppress(BusUnavailableError, CommandTimeoutError):
        return (await ipc.send_command("mira", Ping(), timeout_s=0.5)).ok
    return False


async def test_a_worker_is_heard_again_after_an_outage_and_keeps_its_user(server: EmbeddedValkey, bus: Bus) -> None:
    url = await BusProvisioner(bus).create_user("mira")
    ipc = IPCManager(bus)

    async def work(own: Bus) -> None:
        queue = IPCManager(own).setup_message_queue("mira", unseal=lambda data: data)
        async for command_id, _command in queue.receive():
            await queue.reply(Response(command_id=command_id, ok=True))

    async with open_bus(url, clock=SystemClock()) as own:
        worker = asyncio.create_task(work(own))
        await eventually(lambda: asked(ipc))
        await server.stop()
        with pytest.raises(BusUnavailableError, match="does not answer"):
            await ipc.send_command("mira", Ping())
        await server.start()
        await eventually(lambda: asked(ipc))
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


async def test_a_consumer_goes_on_after_an_outage_that_lost_everything(
    server: EmbeddedValkey, bus: Bus, started: Callable[[str], Event]
) -> None:
    ipc, seen = IPCManager(bus), []

    async def read() -> None:
        async for delivery in ipc.consume(Category.BOT, "group", "one").deliveries():
            seen.append(delivery.event)
            await delivery.ack()

    reader = asyncio.create_task(read())
    await ipc.broadcast_event(started("mira"))
    await eventually(lambda: len(seen) == 1)
    await server.stop()
    with pytest.raises(BusUnavailableError):
        await ipc.broadcast_event(started("mira"))
    await server.start()
    await bus.client.flushall()
    await ipc.broadcast_event(started("otto"))
    await eventually(lambda: [event.bot_id for event in seen] == ["mira", "otto"])
    reader.cancel()
    with suppress(asyncio.CancelledError):
        await reader


async def test_an_entry_that_is_no_event_is_a_dead_letter_at_once(bus: Bus, started: Callable[[str], Event]) -> None:
    await bus.client.xadd("hf:events:bot", {"event": "rubbish"})
    await bus.client.xadd("hf:events:bot", {"other": "rubbish"})
    await IPCManager(bus).broadcast_event(started("mira"))
    async for delivery in IPCManager(bus).consume(Category.BOT, "group", "one").deliveries():
        assert delivery.event.bot_id == "mira"
        break
    letters = await DeadLetters(bus, Category.BOT, "group").list()
    assert [(letter.raw, letter.attempts) for letter in letters] == [("rubbish", 1), ("", 1)]
    assert "no event" in letters[0].reason


async def test_a_stream_keeps_about_as_much_as_it_should(bus: Bus, started: Callable[[str], Event]) -> None:
    await Producer(bus, kept=1000).publish([started("mira") for _ in range(1500)])
    assert 1000 <= await bus.client.xlen("hf:events:bot") < 1500
