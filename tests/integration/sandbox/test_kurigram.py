"""kurigram, which shares no code with the server's TL layer, lives in the sandbox like on the real Telegram."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pyrogram
import pytest
from pyrogram import Client, errors, handlers
from pyrogram.connection.transport import TCP, TCPAbridged, TCPIntermediatePadded
from pyrogram.connection.transport.tcp.tcp_abridged_o import TCPAbridgedO
from pyrogram.connection.transport.tcp.tcp_full import TCPFull
from pyrogram.connection.transport.tcp.tcp_intermediate import TCPIntermediate
from pyrogram.connection.transport.tcp.tcp_intermediate_o import TCPIntermediateO

from tests.support.kurigram import hang_up, kurigram_client
from tests.support.sandbox import SandboxHandle, running_sandbox
from tests.support.waiting import eventually

pytestmark = pytest.mark.no_cover  # Telethon's tests go the same ways

raw: Any = pyrogram.raw


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxHandle]:
    async with running_sandbox(tmp_path) as handle:
        yield handle
        await hang_up()


async def _person(sandbox: SandboxHandle, account: dict[str, Any], **options: Any) -> Any:
    client = kurigram_client(sandbox.info, **options)
    await client.connect()
    sent = await client.send_phone_number_code(account["phone"])
    await client.sign_in(account["phone"], sent.phone_code_hash, await sandbox.code(account["phone"]))
    return client


async def _bot(sandbox: SandboxHandle, account: dict[str, Any]) -> tuple[Any, list[str]]:
    client: Any = kurigram_client(sandbox.info, bot_token=account["token"])
    # For an answer that went with a dropped connection it would wait 15 s, and bot.stop() for that.
    client.invoke = partial(client.invoke, timeout=3)
    heard: list[str] = []

    async def answer(_client: Client, message: Any) -> None:
        heard.append(message.text)
        await message.reply(f"echo {message.text}")

    client.add_handler(handlers.MessageHandler(answer))
    await client.start()
    return client, heard


async def _arrived(sandbox: SandboxHandle, account_id: int, text: str) -> bool:
    return any(message["text"] == text for message in await sandbox.messages(account_id))


@pytest.mark.parametrize(
    "transport", [TCPAbridged, TCPFull, TCPIntermediate, TCPAbridgedO, TCPIntermediateO, TCPIntermediatePadded]
)
async def test_every_transport_logs_in_and_sends(sandbox: SandboxHandle, transport: type[TCP]) -> None:
    ann = await sandbox.account(first_name="Ann")
    person = await _person(sandbox, ann, transport=transport)
    try:
        me = await person.get_me()
        assert (me.id, me.first_name, me.phone_number) == (ann["id"], "Ann", ann["phone"])
        for text in ("short", "l" * 4000):
            assert (await person.send_message("me", text)).text == text
    finally:
        await person.disconnect()
    assert [len(message["text"]) for message in await sandbox.messages(ann["id"])] == [5, 4000]


async def test_person_and_bot_talk(sandbox: SandboxHandle) -> None:
    ann = await sandbox.account(first_name="Ann")
    account = await sandbox.account("bot", "Bob", username="bob_bot")
    bot, heard = await _bot(sandbox, account)
    person = await _person(sandbox, ann)
    try:
        assert bot.me is not None
        assert (bot.me.id, bot.me.is_bot) == (account["id"], True)
        await person.send_message("bob_bot", "hello #12345678")
        await eventually(lambda: heard == ["hello #12345678"], within=5)

        async def texts() -> list[str]:
            return [message.text async for message in person.get_chat_history("bob_bot")]

        async def answered() -> bool:
            return await texts() == ["echo hello #12345678", "hello #12345678"]

        await eventually(answered, within=5)
        await person.read_chat_history("bob_bot")
        assert [dialog.unread_messages_count async for dialog in person.get_dialogs()] == [0]
    finally:
        await person.disconnect()
        await bot.stop()
    assert (await sandbox.stats())["max_connections_per_auth_key"] == 1


async def test_the_password_is_checked(sandbox: SandboxHandle) -> None:
    ann = await sandbox.account(password="correct horse")
    client = kurigram_client(sandbox.info)
    await client.connect()
    try:
        sent = await client.send_phone_number_code(ann["phone"])
        with pytest.raises(errors.PhoneCodeInvalid):
            await client.sign_in(ann["phone"], sent.phone_code_hash, "no")
        with pytest.raises(errors.SessionPasswordNeeded):
            await client.sign_in(ann["phone"], sent.phone_code_hash, await sandbox.code(ann["phone"]))
        with pytest.raises(errors.PasswordHashInvalid):
            await client.check_password("battery staple")
        assert (await client.check_password("correct horse")).id == ann["id"]
    finally:
        await client.disconnect()


async def test_a_repeated_random_id_is_refused(sandbox: SandboxHandle) -> None:
    ann, ben = await sandbox.account(), await sandbox.account(first_name="Ben", username="ben_t")
    person = await _person(sandbox, ann)
    try:
        peer = await person.resolve_peer("ben_t")
        request = raw.functions.messages.SendMessage(peer=peer, message="once", random_id=42)
        await person.invoke(request)
        assert person.session is not None
        with pytest.raises(errors.RandomIdDuplicate):
            await person.session.send(request)
    finally:
        await person.disconnect()
    assert [message["text"] for message in await sandbox.messages(ben["id"])] == ["once"]


async def test_differences_come_in_slices_or_are_too_long(sandbox: SandboxHandle) -> None:
    ann, ben = await sandbox.account(), await sandbox.account(first_name="Ben")
    person = await _person(sandbox, ann)
    try:
        state = await person.invoke(raw.functions.updates.GetState())
        for number in range(110):
            await sandbox.control.post(f"/accounts/{ben['id']}/messages", json={"to": ann["id"], "text": f"{number}"})

        async def since(pts: int, **limits: int) -> Any:
            return await person.invoke(raw.functions.updates.GetDifference(pts=pts, date=state.date, qts=0, **limits))

        part = await since(state.pts)
        assert isinstance(part, raw.types.updates.DifferenceSlice)
        rest = await since(part.intermediate_state.pts)
        assert isinstance(rest, raw.types.updates.Difference)
        texts = [message.message for message in (*part.new_messages, *rest.new_messages)]
        assert texts == [f"{number}" for number in range(110)]
        assert isinstance(await since(rest.state.pts), raw.types.updates.DifferenceEmpty)
        assert isinstance(await since(state.pts, pts_total_limit=10), raw.types.updates.DifferenceTooLong)
    finally:
        await person.disconnect()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # kurigram leaves sockets to the collector
async def test_a_dropped_connection_costs_no_message(sandbox: SandboxHandle) -> None:
    ann = await sandbox.account()
    account = await sandbox.account("bot", "Bob", username="bob_bot")
    bot, heard = await _bot(sandbox, account)
    try:
        for number in range(3):
            await sandbox.control.post(
                f"/accounts/{ann['id']}/messages", json={"to": account["id"], "text": f"{number}"}
            )
            await eventually(partial(heard.__contains__, f"{number}"), within=20)
            # A session that is dropped while it begins, kurigram takes for begun, and is deaf from then on.
            await eventually(bot.session.is_started.is_set, within=20)
            await sandbox.fault("drop_connections", account_id=account["id"])
            await eventually(partial(_arrived, sandbox, ann["id"], f"echo {number}"), within=20)
    finally:
        await bot.stop()
    # kurigram numbers nothing by pts, so on a starved machine it may hear a message twice; never may it miss one.
    assert set(heard) == {"0", "1", "2"}
    replies = [message["text"] for message in await sandbox.messages(ann["id"]) if not message["out"]]
    assert set(replies) == {"echo 0", "echo 1", "echo 2"}
    assert (await sandbox.stats())["max_connections_per_auth_key"] == 1


async def test_bots_are_refused_and_edits_deletions_arrive(sandbox: SandboxHandle) -> None:
    ann = await sandbox.account(username="ann_t")
    account = await sandbox.account("bot", "Bob", username="bob_bot")
    bot, _ = await _bot(sandbox, account)
    person = await _person(sandbox, ann)
    await person.initialize()
    seen: list[tuple[str, Any]] = []

    async def edited(_client: Client, message: Any) -> None:
        seen.append(("edited", message.text))

    async def deleted(_client: Client, messages: Any) -> None:
        seen.append(("deleted", len(messages)))

    person.add_handler(handlers.EditedMessageHandler(edited))
    person.add_handler(handlers.DeletedMessagesHandler(deleted))
    try:
        with pytest.raises(errors.PeerIdInvalid):
            await bot.send_message("ann_t", "I write first")
        with pytest.raises(errors.BotMethodInvalid):
            await bot.invoke(
                raw.functions.messages.GetDialogs(
                    offset_date=0, offset_id=0, offset_peer=raw.types.InputPeerEmpty(), limit=1, hash=0
                )
            )
        await person.send_message("bob_bot", "/start")
        message = await bot.send_message("ann_t", "draft")
        await bot.edit_message_text("ann_t", message.id, "final")
        await bot.delete_messages("ann_t", message.id)
        await eventually(lambda: len(seen) == 2, within=5)
        assert seen == [("edited", "final"), ("deleted", 1)]
    finally:
        await person.terminate()
        await person.disconnect()
        await bot.stop()
    await asyncio.sleep(0)
