"""Events over a real server: groups, retries, dead letters."""

from collections.abc import Callable

import pytest

from hanfleet.bus import Bus, Consumer, DeadLetter, DeadLetters, Delivery, IPCManager
from hanfleet.core.errors import NotFoundError
from hanfleet.core.events import Category, Event

EventOf = Callable[[str], Event]


def consumer(bus: Bus, group: str, name: str = "one", **options: float) -> Consumer:
    settings: dict = {"retry_after_s": 60.0, "block_s": 0.05, **options}
    return Consumer(bus, Category.BOT, group, name, **settings)


async def letters(dead: DeadLetters, bot_id: str) -> list[DeadLetter]:
    """The dead letters about ``bot_id``: others' rubbish lies on the same stream."""
    return [letter for letter in await dead.list(limit=1000) if f'"{bot_id}"' in letter.raw]


async def take(reader: Consumer, events: list[Event], *, ack: bool = True) -> list[Delivery]:
    """Read until all of ``events`` came; others' events are settled on the way."""
    wanted, found = {event.id for event in events}, []
    async for delivery in reader.deliveries():
        if delivery.event.id not in wanted:
            await delivery.ack()
            continue
        found.append(delivery)
        if ack:
            await delivery.ack()
        if {one.event.id for one in found} == wanted:
            break
    return found


async def test_a_group_sees_every_event_in_order_and_whole(
    bus: Bus, ipc: IPCManager, started: EventOf, bot_id: str, group: str
) -> None:
    events = [started(bot_id) for _ in range(120)]
    await ipc.broadcast_event(events[0])
    await ipc.producer.publish(events[1:])
    await ipc.producer.publish([])
    found = await take(consumer(bus, group), events)
    assert [delivery.event for delivery in found] == events
    assert {delivery.attempt for delivery in found} == {1}


async def test_two_groups_see_the_same(bus: Bus, ipc: IPCManager, started: EventOf, bot_id: str, group: str) -> None:
    event = started(bot_id)
    await ipc.broadcast_event(event)
    assert len(await take(ipc.consume(Category.BOT, group, "one"), [event])) == 1
    assert len(await take(ipc.consume(Category.BOT, f"{group}-too", "one"), [event])) == 1


async def test_what_was_not_settled_comes_again_to_another(
    bus: Bus, ipc: IPCManager, started: EventOf, bot_id: str, group: str
) -> None:
    event = started(bot_id)
    await ipc.broadcast_event(event)
    await take(consumer(bus, group, "dies"), [event], ack=False)
    [again] = await take(consumer(bus, group, "heir", retry_after_s=0.0), [event])
    assert again.attempt == 2


async def test_what_comes_too_often_becomes_a_dead_letter(
    bus: Bus, ipc: IPCManager, started: EventOf, bot_id: str, group: str
) -> None:
    poison, after = started(bot_id), started(bot_id)
    await ipc.broadcast_event(poison)
    reader = consumer(bus, group, retry_after_s=0.0, attempts=2)
    for attempt in (1, 2):
        [delivery] = await take(reader, [poison], ack=False)
        assert delivery.attempt == attempt
    await ipc.broadcast_event(after)
    await take(reader, [after])
    [letter] = await letters(DeadLetters(bus, Category.BOT, group), bot_id)
    assert Event.model_validate_json(letter.raw) == poison
    assert letter.attempts == 3
    assert "2 deliveries" in letter.reason


async def test_dead_letters_are_listed_by_pages_replayed_and_dropped(
    bus: Bus, started: EventOf, bot_id: str, group: str
) -> None:
    dead, events = DeadLetters(bus, Category.BOT, group), [started(bot_id) for _ in range(3)]
    for event in events:
        await dead.bury("0-1", {"event": event.model_dump_json()}, 6, "It failed.")
    first = await dead.list(limit=2)
    rest = await dead.list(limit=2, after=first[-1].id)
    assert [Event.model_validate_json(letter.raw) for letter in first + rest] == events

    await dead.replay(first[0].id)
    [again] = await take(consumer(bus, group), events[:1])
    assert again.event == events[0]
    await dead.drop(first[1].id)
    assert [letter.id for letter in await letters(dead, bot_id)] == [rest[0].id]
    with pytest.raises(NotFoundError):
        await dead.drop(first[1].id)
    with pytest.raises(NotFoundError):
        await dead.replay(first[0].id)
