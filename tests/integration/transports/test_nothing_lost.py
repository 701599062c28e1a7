"""What must survive: restarts, dropped connections, silent servers, gaps, faults. Nothing lost, nothing repeated."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hanfleet.core.errors import StoreUnavailableError, TemporaryError
from hanfleet.core.failures import FailureKind
from tests.integration.transports.recorder import Recorder, online, say, texts_of, transport_of
from tests.support.sandbox import SandboxHandle, sandbox_process
from tests.support.waiting import eventually


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


async def test_a_restart_brings_exactly_what_was_missed(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us):
        await say(sandbox, ann, us, *numbers(1, 5))
        await eventually(lambda: len(recorder.inbound) == 5)
    await say(sandbox, ann, us, *numbers(6, 20))
    async with online(sandbox, recorder, us):
        await eventually(lambda: len(recorder.inbound) == 20)
        await say(sandbox, ann, us, "21")
        await eventually(lambda: len(recorder.inbound) == 21)
    assert recorder.inbound == numbers(1, 21)
    assert recorder.repeated == []


async def test_edits_and_deletions_made_while_we_were_away_arrive(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us):
        await say(sandbox, ann, us, "first", "second")
        await eventually(lambda: len(recorder.inbound) == 2)
    one, two = (m["id"] for m in await sandbox.messages(ann["id"], peer=us["id"]))
    await sandbox.control.patch(f"/accounts/{ann['id']}/messages/{one}", json={"text": "better"})
    await sandbox.control.delete(f"/accounts/{ann['id']}/messages/{two}")
    async with online(sandbox, recorder, us):
        await eventually(lambda: any(batch.deletions for batch in recorder.batches))
        await eventually(lambda: any(batch.edits for batch in recorder.batches))


@pytest.mark.parametrize("fault", ["drop_connections", "rotate_salt"])
async def test_trouble_on_the_line_is_repaired_silently(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any], fault: str
) -> None:
    async with online(sandbox, recorder, us) as transport:
        await say(sandbox, ann, us, "1")
        await eventually(lambda: recorder.inbound == ["1"])
        await sandbox.fault(fault)
        await say(sandbox, ann, us, "2")
        await eventually(lambda: recorder.inbound == ["1", "2"])
        await eventually(lambda: transport.is_connected)
        await transport.send_text(ann["id"], "still here", 1)
    assert recorder.losses == []
    assert recorder.repeated == []


async def test_a_ping_finds_what_telegram_kept_to_itself(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us) as transport:
        await say(sandbox, ann, us, "1")
        await eventually(lambda: recorder.inbound == ["1"])
        await sandbox.fault("suppress_pushes", account_id=us["id"])
        await say(sandbox, ann, us, "2")
        await transport.ping()
        await eventually(lambda: recorder.inbound == ["1", "2"])
        await sandbox.fault("suppress_pushes", account_id=us["id"])
        await say(sandbox, ann, us, "3", "4")
        await eventually(lambda: recorder.inbound == ["1", "2", "3", "4"])


async def test_a_difference_that_fails_is_asked_for_again(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us):
        pass
    await say(sandbox, ann, us, "1")
    await sandbox.fault("rpc_error", method="updates.getDifference", error_message="INTERNAL", error_code=500, count=2)
    async with online(sandbox, recorder, us):
        await eventually(lambda: recorder.inbound == ["1"])


async def test_a_user_account_reads_a_gap_from_history(
    sandbox: SandboxHandle, recorder: Recorder, user: dict[str, Any], ann: dict[str, Any]
) -> None:
    bo = await sandbox.account("user", "Bo")
    async with online(sandbox, recorder, user):
        await say(sandbox, ann, user, "1")
        await eventually(lambda: recorder.inbound == ["1"])
    await say(sandbox, ann, user, *numbers(2, 120))
    await say(sandbox, bo, user, "from Bo")
    await sandbox.fault("too_long", account_id=user["id"])
    async with online(sandbox, recorder, user):
        await eventually(lambda: any(batch.gap for batch in recorder.batches))
        await say(sandbox, ann, user, "121")
        await eventually(lambda: "121" in recorder.inbound)
    assert [text for text in recorder.inbound if text != "from Bo"] == numbers(1, 121)
    assert "from Bo" in recorder.inbound


async def test_a_bot_goes_on_behind_a_gap(
    sandbox: SandboxHandle, recorder: Recorder, bot: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, bot):
        await say(sandbox, ann, bot, "/start")
        await eventually(lambda: recorder.inbound)
    await say(sandbox, ann, bot, "lost to bots")
    await sandbox.fault("too_long", account_id=bot["id"])
    async with online(sandbox, recorder, bot):
        await eventually(lambda: any(batch.gap for batch in recorder.batches))
        await say(sandbox, ann, bot, "heard")
        await eventually(lambda: "heard" in recorder.inbound)


async def test_a_listener_that_raises_gets_it_again_in_the_next_process(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us) as transport:
        recorder.refusal = StoreUnavailableError("The database went away for good.")
        await say(sandbox, ann, us, "1", "2")
        await eventually(lambda: recorder.losses)
        assert not transport.is_connected
        with pytest.raises(Exception, match="went away"):
            await transport.send_text(ann["id"], "no", 1)
    assert [failure.kind for failure in recorder.losses] == [FailureKind.TRANSIENT]
    recorder.refusal = None
    async with online(sandbox, recorder, us):
        await eventually(lambda: recorder.inbound == ["1", "2"])
    assert recorder.repeated == []


async def test_leaving_waits_for_the_batch_but_hangs_up_first(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us):
        pass
    transport = transport_of(sandbox, recorder)
    await transport.connect()
    recorder.pause = asyncio.Event()
    await say(sandbox, ann, us, "1")
    await eventually(lambda: recorder.paused)
    leaving = asyncio.create_task(transport.disconnect())

    async def hung_up() -> bool:
        return bool((await sandbox.stats())["connections"] == 0)

    await eventually(hung_up)
    assert not leaving.done()
    recorder.pause.set()
    await leaving
    assert recorder.inbound == ["1"]


async def test_an_unanswered_send_does_not_go_out_again_by_itself(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us, request_timeout_s=0.3) as transport:
        await say(sandbox, ann, us, "hello")
        await eventually(lambda: recorder.inbound)
        await sandbox.fault("cut_before", method="messages.sendMessage", count=1000)
        with pytest.raises(TemporaryError):
            await transport.send_text(ann["id"], "ghost", 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await transport.send_text(ann["id"], "cancelled ghost", 2)
        await sandbox.control.delete("/faults")
        await sandbox.fault("drop_connections")
        await eventually(lambda: _pings(transport))
    assert await texts_of(sandbox, ann, us) == []


async def test_a_silent_connection_is_dropped_by_a_ping_and_made_anew(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us, request_timeout_s=0.3) as transport:
        await say(sandbox, ann, us, "hello")
        await eventually(lambda: recorder.inbound)
        await sandbox.fault("no_answer", method="updates.getState")
        with pytest.raises(TemporaryError):
            await transport.ping()
        assert not transport.is_connected
        await eventually(lambda: transport.is_connected)
        await transport.send_text(ann["id"], "here again", 1)


async def test_leaving_while_telegram_is_away_fails_what_waits(tmp_path: Path, recorder: Recorder) -> None:
    async with sandbox_process(tmp_path / "sandbox") as (process, sandbox):
        us = await sandbox.account("user", "Mia")
        async with online(sandbox, recorder, us) as transport:
            await process.kill()
            await eventually(lambda: not transport.is_connected)
            asking = asyncio.create_task(transport.ping())
            await asyncio.sleep(0.05)
            async with asyncio.timeout(5):
                await transport.disconnect()
                with pytest.raises(TemporaryError):
                    await asking


async def _connects(transport: Any) -> bool:
    try:
        await transport.connect()
    except TemporaryError:
        return False
    return True


async def _pings(transport: Any) -> bool:
    try:
        await transport.ping()
    except TemporaryError:
        return False
    return True


@pytest.mark.parametrize("fault", ["cut_before", "cut_after"])
async def test_a_send_cut_off_goes_out_once(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any], fault: str
) -> None:
    async with online(sandbox, recorder, us) as transport:
        await say(sandbox, ann, us, "hello")
        await eventually(lambda: recorder.inbound)
        await sandbox.fault(fault, method="messages.sendMessage")
        sent = await transport.send_text(ann["id"], "once", 1)
        assert sent.duplicate is (fault == "cut_after")
    assert await texts_of(sandbox, ann, us) == ["once"]


async def test_a_start_while_telegram_is_away_may_be_tried_again(tmp_path: Path, recorder: Recorder) -> None:
    async with sandbox_process(tmp_path / "sandbox") as (process, sandbox):
        ann, us = await sandbox.account("user", "Ann"), await sandbox.account("user", "Mia")
        async with online(sandbox, recorder, us):
            pass
        await say(sandbox, ann, us, "1")
        await process.kill()
        transport = transport_of(sandbox, recorder, connect_timeout_s=0.3)
        with pytest.raises(TemporaryError):
            await transport.connect()
        await process.start()
        await eventually(lambda: _connects(transport))
        await eventually(lambda: recorder.inbound == ["1"])
        await transport.disconnect()


async def test_telegram_itself_is_killed_and_comes_back(tmp_path: Path, recorder: Recorder) -> None:
    async with sandbox_process(tmp_path / "sandbox") as (process, sandbox):
        ann, us = await sandbox.account("user", "Ann"), await sandbox.account("user", "Mia")
        async with online(sandbox, recorder, us) as transport:
            await say(sandbox, ann, us, "1")
            await eventually(lambda: recorder.inbound == ["1"])
            await process.kill()
            await eventually(lambda: not transport.is_connected)
            await process.start()
            await say(sandbox, ann, us, "2")
            await eventually(lambda: recorder.inbound == ["1", "2"])
            await eventually(lambda: transport.is_connected)
            await transport.send_text(ann["id"], "both here again", 1)
        assert await texts_of(sandbox, ann, us) == ["both here again"]
    assert recorder.losses == []
    assert recorder.repeated == []
