"""Walk 1 and its gates: what a contact hears, on real servers."""

import asyncio
from itertools import count

from hanfleet.persona.texts import CRISIS, DISCLOSURE, FALLBACK, OPTED_OUT
from tests.support.sandbox import SandboxHandle
from tests.support.waiting import eventually
from tests.support.workers import Rehearsal, times


async def test_a_message_is_answered_once_after_the_disclosure(rehearsal: Rehearsal):
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello there #deadbeef")
        await ann.hears_about("#deadbeef")
        await ann.says("And more #cafebabe")
        heard = await ann.hears_about("#cafebabe")
        await worker.stop()
    assert heard[0] == DISCLOSURE["en"]
    assert times(heard, "#deadbeef") == times(heard, "#cafebabe") == 1
    assert times(heard, DISCLOSURE["en"]) == 1
    rows = await rehearsal.rows("SELECT kind, state FROM outbox ORDER BY position")
    assert [(row["kind"], row["state"]) for row in rows] == [
        ("disclosure", "sent"),
        ("reply", "sent"),
        ("reply", "sent"),
    ]
    [contact] = await rehearsal.rows("SELECT disclosed_at, message_count FROM user_profiles")
    assert contact["disclosed_at"] is not None
    assert contact["message_count"] == 2


async def test_a_burst_is_merged_into_one_turn(rehearsal: Rehearsal):
    await rehearsal.configure(pacing={"wait_for_more_s": 0.6, "max_typing_s": 0, "split_at_chars": 4000})
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        for nonce in ("#00000001", "#00000002", "#00000003"):
            await ann.says(f"wait {nonce}")
            await asyncio.sleep(0.1)  # as a person types, faster than the burst ends
        heard = await ann.hears_about("#00000001", "#00000002", "#00000003")
        await worker.stop()
    assert len(heard) == 2
    [turn] = await rehearsal.rows("SELECT count(*) AS turns FROM turns")
    assert turn["turns"] == 1
    [row] = await rehearsal.rows("SELECT merge_wait_ms FROM outbox WHERE kind = 'reply'")
    assert row["merge_wait_ms"] == 600


async def test_who_never_stops_writing_is_answered(rehearsal: Rehearsal):
    """Also by a model that takes longer than the next message."""
    await rehearsal.configure(pacing={"wait_for_more_s": 0.4, "max_typing_s": 0, "split_at_chars": 4000})
    await _let_the_model_think(rehearsal, 700)
    ann = await rehearsal.contact()

    async def writes() -> None:
        for at in count():
            await ann.says(f"and #{at:08x}")
            await asyncio.sleep(0.2)  # always before the burst can end

    async with rehearsal.worker() as worker:
        await worker.is_running()
        writing = asyncio.create_task(writes())
        try:
            heard = await ann.hears_about("#00000000")
        finally:
            writing.cancel()
            await asyncio.wait([writing])
        await worker.stop()
    assert times(heard, "#00000001") == times(heard, "#00000005") == 1


async def _let_the_model_think(rehearsal: Rehearsal, base_ms: int) -> None:
    latency = await rehearsal.sandbox.control.put("/llm/latency", json={"base_ms": base_ms, "jitter_ms": 0})
    assert latency.status_code == 200, latency.text


async def test_a_crisis_comes_before_an_answer_that_is_under_way(rehearsal: Rehearsal):
    """Also before one that would have stood against any other newer message."""
    await _let_the_model_think(rehearsal, 1500)
    ann, checkpoints = await rehearsal.contact(), rehearsal.checkpoints
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello #00000001")
        await eventually(lambda: checkpoints.count("inbox.take") == 1)
        await ann.says("Hello #00000002")
        await eventually(lambda: checkpoints.count("turn.commit") == 1, what="the first decision is refused")
        await eventually(lambda: checkpoints.count("turn.load") == 1, what="the second try begins")
        await ann.says("I want to kill myself")
        heard = await ann.hears(lambda heard: CRISIS["en"] in heard)
        await eventually(lambda: checkpoints.count("turn.commit") >= 3)
        await worker.stop()
    assert heard == [DISCLOSURE["en"], CRISIS["en"]]
    assert await ann.heard() == heard


async def test_long_replies_go_out_in_parts_and_in_order(rehearsal: Rehearsal):
    await rehearsal.configure(
        pacing={"wait_for_more_s": 0, "max_typing_s": 0.2, "chars_per_second": 2000, "split_at_chars": 50},
        llm={"base_url": rehearsal.sandbox.info["llm_url"], "max_tokens": 2000},
    )
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        for at in range(6):
            await ann.says(f"Tell me more #{at:08x}")
            await ann.hears_about(f"#{at:08x}")
        unsent = "SELECT 1 FROM outbox WHERE state <> 'sent'"
        await eventually(lambda: _none(rehearsal, unsent))
        await worker.stop()
    heard = await ann.heard()
    assert [times(heard, f"#{at:08x}") for at in range(6)] == [1] * 6
    sent = await rehearsal.rows("SELECT text, typing_ms FROM outbox ORDER BY position")
    assert [row["text"] for row in sent] == heard
    assert len(sent) > 7
    assert all(row["typing_ms"] <= 200 for row in sent)


async def _none(rehearsal: Rehearsal, statement: str) -> bool:
    return not await rehearsal.rows(statement)


async def test_two_chats_do_not_wait_for_each_other(rehearsal: Rehearsal):
    await rehearsal.configure(pacing={"wait_for_more_s": 0, "max_typing_s": 3, "chars_per_second": 10})
    ann, boris = await rehearsal.contact("Ann"), await rehearsal.contact("Boris", language_code="ru")
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello #00000001")
        await ann.hears(bool)
        await boris.says("Привет #00000002")
        heard = await boris.hears(bool)
        assert times(await ann.heard(), "#00000001") == 0
        await ann.hears_about("#00000001")
        await worker.stop()
    assert heard[0] == DISCLOSURE["ru"]


async def test_stop_ends_it_at_once_and_start_resumes(rehearsal: Rehearsal):
    await rehearsal.configure(pacing={"wait_for_more_s": 0, "max_typing_s": 20, "chars_per_second": 4})
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello, tell me a long story #00000001")
        await ann.hears(lambda heard: heard == [DISCLOSURE["en"]])
        await ann.says("Stop!")
        await eventually(lambda: _opted_out(rehearsal))
        await worker.stop()
    await rehearsal.configure()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.hears(lambda heard: heard == [DISCLOSURE["en"], OPTED_OUT["en"]])
        await ann.says("stop")
        await ann.says("are you there? #00000002")
        await eventually(lambda: _decided(rehearsal, "opted_out", 2))
        assert len(await ann.heard()) == 2
        await ann.says("start")
        await ann.says("Hello again #00000003")
        heard = await ann.hears_about("#00000003")
        await worker.stop()
    assert times(heard, "#00000001") == times(heard, "#00000002") == 0


async def _opted_out(rehearsal: Rehearsal) -> bool:
    return bool(await rehearsal.rows("SELECT 1 FROM user_profiles WHERE opted_out_at IS NOT NULL"))


async def _decided(rehearsal: Rehearsal, reason: str, at_least: int) -> bool:
    rows = await rehearsal.rows(f"SELECT 1 FROM turns WHERE reason = '{reason}'")
    return len(rows) >= at_least


async def test_a_stranger_who_begins_with_stop_gets_the_disclosure_and_the_confirmation_only(rehearsal: Rehearsal):
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("стоп")
        heard = await ann.hears(lambda heard: len(heard) == 2)
        await worker.stop()
    assert heard == [DISCLOSURE["ru"], OPTED_OUT["ru"]]


async def test_a_crisis_gets_help_lines_and_pauses_the_machine(rehearsal: Rehearsal):
    await rehearsal.configure(pacing={"wait_for_more_s": 300, "max_typing_s": 0})
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("I want to kill myself")
        heard = await ann.hears(lambda heard: len(heard) == 2)
        await worker.stop()
    assert heard == [DISCLOSURE["en"], CRISIS["en"]]
    [contact] = await rehearsal.rows("SELECT paused_at FROM user_profiles")
    assert contact["paused_at"] is not None


async def test_who_asks_is_told_the_truth(rehearsal: Rehearsal):
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("are you a real person?")
        heard = await ann.hears(lambda heard: len(heard) == 2)
        await worker.stop()
    assert "AI" in heard[1]


async def test_model_faults_end_in_one_fallback(rehearsal: Rehearsal):
    llm = {"base_url": rehearsal.sandbox.info["llm_url"], "timeout_s": 5, "attempts": 2}
    await rehearsal.configure(llm=llm)
    ann = await rehearsal.contact()
    await order_model_fault(rehearsal.sandbox, "empty", 4)
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello #00000001")
        await ann.hears(lambda heard: heard == [DISCLOSURE["en"], FALLBACK["en"]])
        await ann.says("Hello? #00000002")
        await eventually(lambda: rehearsal.checkpoints.count("turn.postpone"))
        assert len(await ann.heard()) == 2
        await ann.says("Anybody? #00000003")
        heard = await ann.hears_about("#00000002", "#00000003")
        await worker.stop()
    assert times(heard, FALLBACK["en"]) == 1


async def test_a_passing_model_fault_is_not_heard(rehearsal: Rehearsal):
    ann = await rehearsal.contact()
    await order_model_fault(rehearsal.sandbox, "malformed", 1)
    await order_model_fault(rehearsal.sandbox, "rate_limit", 1, retry_after_s=0.1)
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello #00000001")
        heard = await ann.hears_about("#00000001")
        await worker.stop()
    assert times(heard, FALLBACK["en"]) == 0


async def order_model_fault(sandbox: SandboxHandle, fault: str, count: int, **more: object) -> None:
    answer = await sandbox.control.post("/llm/faults", json={"fault": fault, "count": count, **more})
    answer.raise_for_status()


async def test_the_rehearsal_of_a_worker_leaves_nothing_behind(rehearsal: Rehearsal):
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await worker.stop()
    for table in ("messages", "user_profiles", "conversations", "turns", "outbox"):
        assert await rehearsal.rows(f"SELECT 1 FROM {table}") == []
    [counter] = await rehearsal.rows(
        "SELECT event_seq, (SELECT count(*) FROM events e WHERE e.bot_id = c.bot_id) AS events FROM bot_counters c"
    )
    assert counter["event_seq"] == counter["events"], "no number was used up"
