"""Sending, receiving and the small signals, with both kinds of account."""

import asyncio
from typing import Any

import pytest

from hanfleet.core.errors import InvalidInputError, PermanentError, TemporaryError
from hanfleet.core.messages import SentMessage
from tests.integration.transports.recorder import Recorder, online, say, texts_of, transport_of
from tests.support.sandbox import SandboxHandle
from tests.support.waiting import eventually


async def test_messages_come_in_order_with_who_wrote_them(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any]
) -> None:
    ann = await sandbox.account("user", "Ann", last_name="Lee", username="ann_lee")
    async with online(sandbox, recorder, us):
        await say(sandbox, ann, us, *map(str, range(20)))
        await eventually(lambda: len(recorder.inbound) == 20)
    assert recorder.inbound == [str(number) for number in range(20)]
    assert recorder.repeated == []
    first = next(iter(recorder.messages.values()))
    assert (first.chat_id, first.person.name, first.person.username) == (ann["id"], "Ann Lee", "ann_lee")
    assert not first.outgoing


async def test_a_send_arrives_as_it_was_written(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us) as transport:
        await say(sandbox, ann, us, "hello")
        await eventually(lambda: recorder.inbound)
        sent = await transport.send_text(ann["id"], "**not bold** [no](link) 👋", 1)
        seen = await sandbox.messages(us["id"], peer=ann["id"])
    assert sent.telegram_id == seen[-1]["id"]
    assert await texts_of(sandbox, ann, us) == ["**not bold** [no](link) 👋"]


async def test_the_second_send_with_one_random_id_is_told_at_once(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us) as transport:
        await say(sandbox, ann, us, "hello")
        await eventually(lambda: recorder.inbound)
        await transport.send_text(ann["id"], "once", -77)
        async with asyncio.timeout(1):
            assert await transport.send_text(ann["id"], "once", -77) == SentMessage(None, duplicate=True)
    assert await texts_of(sandbox, ann, us) == ["once"]


async def test_a_user_account_writes_to_a_known_person_after_a_restart(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us):
        await say(sandbox, ann, us, "hello")
        await eventually(lambda: recorder.inbound)
    async with online(sandbox, recorder, us) as transport:
        await transport.send_text(ann["id"], "I remember you", 5)
    assert await texts_of(sandbox, ann, us) == ["I remember you"]


async def test_a_user_account_that_lost_its_peers_finds_them_among_its_chats(
    sandbox: SandboxHandle, recorder: Recorder, user: dict[str, Any], ann: dict[str, Any]
) -> None:
    await say(sandbox, ann, user, "before we ever logged in")
    async with online(sandbox, recorder, user) as transport:
        await transport.send_text(ann["id"], "found you", 6)
    assert await texts_of(sandbox, ann, user) == ["found you"]


async def test_nobody_writes_to_a_stranger(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us) as transport:
        with pytest.raises(PermanentError):
            await transport.send_text(ann["id"], "hello stranger", 7)
        assert recorder.losses == []


@pytest.mark.parametrize("text", ["", "x" * 4097])
async def test_a_text_that_telegram_refuses_is_bad_input(
    sandbox: SandboxHandle, recorder: Recorder, bot: dict[str, Any], ann: dict[str, Any], text: str
) -> None:
    async with online(sandbox, recorder, bot) as transport:
        await say(sandbox, ann, bot, "/start")
        await eventually(lambda: recorder.inbound)
        with pytest.raises(InvalidInputError):
            await transport.send_text(ann["id"], text, 8)


async def test_edits_and_deletions_arrive(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us):
        await say(sandbox, ann, us, "first", "second")
        await eventually(lambda: len(recorder.inbound) == 2)
        one, two = (m["id"] for m in await sandbox.messages(ann["id"], peer=us["id"]))
        await sandbox.control.patch(f"/accounts/{ann['id']}/messages/{one}", json={"text": "better"})
        await sandbox.control.delete(f"/accounts/{ann['id']}/messages/{two}")
        await eventually(lambda: any(batch.deletions for batch in recorder.batches))
    first, second = recorder.messages.values()
    edits = [edit for batch in recorder.batches for edit in batch.edits]
    assert [(edit.telegram_id, edit.text) for edit in edits] == [(first.telegram_id, "better")]
    (deletion,) = [deletion for batch in recorder.batches for deletion in batch.deletions]
    assert deletion.telegram_ids == (second.telegram_id,)


async def test_what_the_owner_types_elsewhere_is_outgoing(
    sandbox: SandboxHandle, recorder: Recorder, user: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, user):
        await say(sandbox, user, ann, "by my own hand")
        (message,) = await eventually(lambda: list(recorder.messages.values()))
    assert message.outgoing
    assert message.chat_id == ann["id"]


async def test_our_own_sends_do_not_come_back(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us) as transport:
        await say(sandbox, ann, us, "hello")
        await eventually(lambda: recorder.inbound)
        for number in range(1, 6):
            await transport.send_text(ann["id"], "mine", number)
        await say(sandbox, ann, us, "and?")
        await eventually(lambda: len(recorder.inbound) == 2)
    assert not any(message.outgoing for message in recorder.messages.values())


async def test_reading_history_and_marks(
    sandbox: SandboxHandle, recorder: Recorder, user: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, user) as transport:
        await say(sandbox, ann, user, "one", "two")
        await eventually(lambda: len(recorder.inbound) == 2)
        sent = await transport.send_text(ann["id"], "three", 9)
        history = await transport.history(ann["id"], 2)
        assert [(m.text, m.outgoing) for m in history] == [("two", False), ("three", True)]
        assert history[-1].telegram_id == sent.telegram_id
        await transport.mark_read(ann["id"], history[0].telegram_id)
        await transport.set_typing(ann["id"])
        await say(sandbox, ann, user, "four")
        await eventually(lambda: recorder.inbound[-1] == "four")
    seen = await sandbox.messages(ann["id"], peer=user["id"])
    assert [m["read"] for m in seen if m["out"]] == [True, True, False]


async def test_a_bot_has_no_history_and_no_marks(
    sandbox: SandboxHandle, recorder: Recorder, bot: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, bot) as transport:
        await say(sandbox, ann, bot, "/start")
        await eventually(lambda: recorder.inbound)
        await transport.mark_read(ann["id"], 1)
        await transport.set_typing(ann["id"])
        with pytest.raises(PermanentError, match="bot accounts"):
            await transport.history(ann["id"], 5)


async def test_a_ping_is_a_true_round_trip(sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any]) -> None:
    async with online(sandbox, recorder, us) as transport:
        assert 0 < await transport.ping() < 5


async def test_nobody_there_is_a_temporary_error(sandbox: SandboxHandle, recorder: Recorder) -> None:
    sandbox.info["port"] = 1
    transport = transport_of(sandbox, recorder, connect_timeout_s=0.2)
    with pytest.raises(TemporaryError, match="could not be reached"):
        await transport.connect()
    await transport.disconnect()
