"""Taking one contact, or one bot, off the bus, on a server of this module's own kind."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from hanfleet.bus import Bus, DeadLetters, IPCManager, keys
from hanfleet.bus.forgetting import forget
from hanfleet.core.events import Category, Event
from tests.support.traces import streams_that_hold

ANN = 800000501


def event(bot_id: str, kind: str, **data: Any) -> Event:
    return Event(
        id=uuid.uuid4(),
        type=kind,
        version=1,
        source="test",
        bot_id=bot_id,
        seq=1,
        data={"bot_id": bot_id, **data},
        correlation_id=uuid.uuid4(),
        timestamp=datetime.now(UTC),
    )


@pytest.fixture
def told(bot_id: str) -> list[Event]:
    other = f"{bot_id}-other"
    return [
        event(bot_id, "user.message.received", chat_id=ANN),
        event(bot_id, "user.message.received", chat_id=ANN + 1),
        event(other, "user.message.received", chat_id=ANN),
        event(bot_id, "error.bot.failed", error=f"cannot write to {ANN}: sorry"),
        event(bot_id, "error.bot.failed", error=f"cannot write to {ANN}7, nor to 1{ANN}"),
        event(bot_id, "bot.lifecycle.started"),
    ]


async def _left(bus: Bus, bot_id: str) -> list[tuple[str, Any]]:
    """What the streams still tell of the bot and the other one: (bot, data without it)."""
    found = []
    for category in Category:
        for _, fields in await bus.client.xrange(keys.events(category)):
            if bot_id not in fields.get("event", ""):
                continue  # another test's, and not always an event
            entry = json.loads(fields["event"])
            if str(entry["bot_id"]).startswith(bot_id):
                found.append((entry["bot_id"], {k: v for k, v in entry["data"].items() if k != "bot_id"}))
    return found


async def test_one_contact_of_one_bot_goes(bus: Bus, ipc: IPCManager, bot_id: str, told: list[Event], group: str):
    await ipc.producer.publish(told)
    await DeadLetters(bus, Category.USER, group).bury("0-1", {"event": told[0].model_dump_json()}, 5, "too often")
    await bus.client.xadd(keys.replies(bot_id), {"response": json.dumps({"data": {"about": ANN}})})
    assert await ipc.forget(bot_id, lambda number: number == ANN) == 4
    left = await _left(bus, bot_id)
    assert sorted(map(str, left)) == sorted(
        map(
            str,
            [
                (bot_id, {"chat_id": ANN + 1}),
                (f"{bot_id}-other", {"chat_id": ANN}),
                (bot_id, {"error": f"cannot write to {ANN}7, nor to 1{ANN}"}),
                (bot_id, {}),
            ],
        )
    )
    assert await DeadLetters(bus, Category.USER, group).list() == []


async def test_a_whole_bot_goes_and_no_other(bus: Bus, ipc: IPCManager, bot_id: str, told: list[Event]):
    await ipc.producer.publish(told)
    assert await forget(bus, bot_id) == 5
    assert await _left(bus, bot_id) == [(f"{bot_id}-other", {"chat_id": ANN})]
    assert await streams_that_hold(bus, f'"{bot_id}"') == {}


async def test_more_than_a_page_is_searched(bus: Bus, ipc: IPCManager, bot_id: str, started: Callable[[str], Event]):
    await ipc.producer.publish([started(f"{bot_id}-other") for _ in range(1500)])
    await ipc.producer.publish([started(bot_id)])
    assert await forget(bus, bot_id) == 1
    assert await forget(bus, f"{bot_id}-other") == 1500


async def test_the_server_keeps_its_file_in_the_format_without_deleted_entries(bus: Bus):
    """In the other one deleted entries stay in the file together with their neighbours."""
    assert await bus.client.config_get("aof-use-rdb-preamble", "appendonly") == {
        "aof-use-rdb-preamble": "no",
        "appendonly": "yes",
    }
