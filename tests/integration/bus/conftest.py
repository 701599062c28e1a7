import secrets
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from hanfleet.bus import Bus, IPCManager, open_bus
from hanfleet.core.events import Event
from hanfleet.kit.clock import SystemClock


@pytest_asyncio.fixture
async def bus(valkey_url: str) -> AsyncIterator[Bus]:
    async with open_bus(valkey_url, clock=SystemClock(), name="test") as bus:
        yield bus


@pytest.fixture
def ipc(bus: Bus) -> IPCManager:
    return IPCManager(bus)


@pytest.fixture
def bot_id() -> str:
    return f"bot-{secrets.token_hex(4)}"


@pytest.fixture
def group() -> str:
    return f"group-{secrets.token_hex(4)}"


@pytest.fixture
def started() -> Callable[[str], Event]:
    def make(bot_id: str) -> Event:
        return Event(
            id=uuid.uuid4(),
            type="bot.lifecycle.started",
            version=1,
            source="test",
            bot_id=bot_id,
            seq=1,
            data={"bot_id": bot_id},
            correlation_id=uuid.uuid4(),
            timestamp=datetime.now(UTC),
        )

    return make
