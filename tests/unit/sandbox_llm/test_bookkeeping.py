import asyncio
import random

from hanfleet.kit.clock import ManualClock
from hanfleet.sandbox.llm.conversation import Said, make_prompt
from hanfleet.sandbox.llm.engine import Asked, Engine
from hanfleet.sandbox.llm.faults import FaultBook, FaultKind, FaultOrder
from hanfleet.sandbox.llm.journal import CLIENT_GONE, Journal
from hanfleet.sandbox.llm.pace import Latency
from hanfleet.sandbox.llm.remembered import Remembered, ResponseMemory


def _note(journal: Journal, duration_ms: float = 1.0) -> None:
    journal.note(
        path="/v1/responses", model="m", api_key="sk-secret-123456", nonces=("#deadbeef",), duration_ms=duration_ms,
        status=200, at=0.0, fault=None,
    )  # fmt: skip


def _asked(hang_up=None) -> Asked:
    async def never() -> None:
        await asyncio.Event().wait()

    prompt = make_prompt([Said("user", "hi #deadbeef")])
    return Asked("/v1/responses", "m", "sk-one", prompt, lambda text: {"text": text}, hang_up or never)


def test_the_ring_keeps_the_newest_lines_and_their_ids():
    journal = Journal(capacity=3)
    assert list(journal.after(0, 10)) == []
    assert journal.durations() is None
    for _ in range(5):
        _note(journal)
    assert [line.id for line in journal.after(0, 10)] == [3, 4, 5]
    assert [line.id for line in journal.after(3, 10)] == [4, 5]
    assert [line.id for line in journal.after(4, 10)] == [5]
    assert list(journal.after(5, 10)) == []
    assert [line.id for line in journal.after(0, 2)] == [3, 4]


def test_no_whole_key_is_written_down():
    journal = Journal()
    _note(journal)
    assert journal.after(0, 1)[0].api_key_tail == "123456"


def test_a_fault_strikes_as_often_as_ordered_and_only_its_match():
    book = FaultBook()
    book.order(FaultOrder(fault=FaultKind.EMPTY, count=2, match="bot-a"))
    assert book.strike("key-of-bot-b", "model") is None
    assert book.strike("key-of-bot-a", "model") is not None
    assert [standing.count for standing in book.list()] == [1]
    assert book.strike("other", "model-for-bot-a") is not None
    assert book.strike("key-of-bot-a", "model") is None


def test_older_orders_are_spent_first_and_all_can_be_withdrawn():
    book = FaultBook()
    book.order(FaultOrder(fault=FaultKind.EMPTY))
    book.order(FaultOrder(fault=FaultKind.RATE_LIMIT, count=5))
    struck = [book.strike("k", "m"), book.strike("k", "m")]
    assert [fault.fault for fault in struck if fault is not None] == [FaultKind.EMPTY, FaultKind.RATE_LIMIT]
    assert book.clear() == 1
    assert book.strike("k", "m") is None


def test_memory_is_bounded():
    memory = ResponseMemory(capacity=2)
    for name in ("a", "b", "c"):
        memory.keep(name, Remembered({}, 1))
    assert memory.find("a") is None
    assert memory.find("c") is not None
    assert len(memory) == 2


async def test_model_time_is_the_latency_that_was_drawn():
    clock = ManualClock()
    engine = Engine(clock, random.Random(1), Latency(base_ms=200, jitter_ms=100))
    await engine.serve(_asked(), engine.clock.monotonic())
    (line,) = engine.journal.after(0, 10)
    assert 200 <= line.duration_ms <= 300
    assert line.nonces == ("#deadbeef",)
    assert line.at < clock.now().timestamp()


async def test_a_held_request_ends_when_the_server_closes_or_the_client_leaves():
    engine = Engine(ManualClock(), random.Random(1), Latency(base_ms=0, jitter_ms=0))
    engine.faults.order(FaultOrder(fault=FaultKind.TIMEOUT, count=2))

    async def left() -> None:
        return

    assert (await engine.serve(_asked(left), engine.clock.monotonic())).status_code == CLIENT_GONE
    held = asyncio.create_task(engine.serve(_asked(), engine.clock.monotonic()))
    await asyncio.sleep(0)
    assert engine.in_flight == 1
    engine.closing.set()
    assert (await held).status_code == CLIENT_GONE
    assert engine.in_flight == 0
    assert [line.fault for line in engine.journal.after(0, 10)] == [FaultKind.TIMEOUT, FaultKind.TIMEOUT]
