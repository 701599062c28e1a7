"""An unmodified Telethon client lives in the sandbox: log-in, messages both ways, receipts, typing, catching up."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from telethon import errors
from telethon.events.newmessage import NewMessage
from telethon.events.raw import Raw
from telethon.network.connection.tcpabridged import ConnectionTcpAbridged
from telethon.network.connection.tcpfull import ConnectionTcpFull
from telethon.network.connection.tcpintermediate import ConnectionTcpIntermediate, RandomizedIntermediatePacketCodec
from telethon.network.connection.tcpobfuscated import ConnectionTcpObfuscated
from telethon.tl import functions, types

from tests.support.sandbox import SandboxHandle, logged_in, running_sandbox, session_of, telethon_client
from tests.support.waiting import eventually

NEW_MESSAGE: Any = NewMessage
RAW: Any = Raw


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxHandle]:
    async with running_sandbox(tmp_path) as handle:
        yield handle


class ConnectionTcpObfuscatedPadded(ConnectionTcpObfuscated):
    """Telethon knows padded intermediate for proxies only; the server takes it from anybody."""

    packet_codec: Any = RandomizedIntermediatePacketCodec


async def test_a_bot_answers_a_person(sandbox: SandboxHandle) -> None:
    ann = await sandbox.account(first_name="Ann", username="ann_t", language_code="en")
    bob = await sandbox.account("bot", "Bob", username="bob_bot")
    bot, user = await logged_in(sandbox, bob), await logged_in(sandbox, ann)
    seen: list[Any] = []

    async def answer(event: Any) -> None:
        sender = await event.get_sender()
        seen.append((event.raw_text, event.sender_id, sender.first_name, sender.lang_code, event.is_private))
        await event.respond(f"echo {event.raw_text}")

    bot.add_event_handler(answer, NEW_MESSAGE(incoming=True))
    try:
        async with user.conversation("bob_bot", timeout=5) as talk:
            await talk.send_message("hello #0badcafe")
            assert (await talk.get_response()).raw_text == "echo hello #0badcafe"
    finally:
        await user.disconnect()
        await bot.disconnect()
    assert seen == [("hello #0badcafe", ann["id"], "Ann", "en", True)]
    box = await sandbox.messages(ann["id"])
    assert [(one["text"], one["out"], one["from_id"]) for one in box] == [
        ("hello #0badcafe", True, ann["id"]),
        ("echo hello #0badcafe", False, bob["id"]),
    ]
    stats = await sandbox.stats()
    assert stats["max_connections_per_auth_key"] == 1
    assert stats["messages_sent"] == 2
    assert stats["sends_by_account"] == {str(ann["id"]): 1, str(bob["id"]): 1}


@pytest.mark.parametrize(
    "connection",
    [
        ConnectionTcpFull,
        ConnectionTcpAbridged,
        ConnectionTcpIntermediate,
        ConnectionTcpObfuscated,
        ConnectionTcpObfuscatedPadded,
    ],
)
async def test_every_transport_carries_short_and_long_packets(sandbox: SandboxHandle, connection: type) -> None:
    ann = await sandbox.account()
    user = await logged_in(sandbox, ann, connection=connection)
    try:
        for text in ("a", "b" * 4096):
            sent = await user.send_message("me", text)
            assert (await user.get_messages("me", ids=sent.id)).raw_text == text
    finally:
        await user.disconnect()


async def test_a_password_is_asked_for_and_checked(sandbox: SandboxHandle) -> None:
    ann = await sandbox.account(password="hunter2 ü")
    user = telethon_client(sandbox.info)
    await user.connect()
    try:
        await user.send_code_request(ann["phone"])
        with pytest.raises(errors.PhoneCodeInvalidError):
            await user.sign_in(ann["phone"], "00000x")
        with pytest.raises(errors.SessionPasswordNeededError):
            await user.sign_in(ann["phone"], await sandbox.code(ann["phone"]))
        assert not await user.is_user_authorized()
        with pytest.raises(errors.PasswordHashInvalidError):
            await user.sign_in(password="hunter3")
        me = await user.sign_in(password="hunter2 ü")
        assert me.id == ann["id"]
        assert me.phone == ann["phone"]
        assert (await sandbox.control.get(f"/codes/{ann['phone']}")).status_code == 404
    finally:
        await user.disconnect()


async def test_unknown_phones_and_tokens_are_refused(sandbox: SandboxHandle) -> None:
    user = telethon_client(sandbox.info)
    await user.connect()
    try:
        await user.send_code_request("+49 170 5550000")
        with pytest.raises(errors.PhoneNumberUnoccupiedError):
            await user.sign_in("+491705550000", await sandbox.code("491705550000"))
        with pytest.raises(errors.PhoneNumberInvalidError):
            await user.send_code_request("12")
        with pytest.raises(errors.AccessTokenInvalidError):
            await user.sign_in(bot_token="7000000009:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    finally:
        await user.disconnect()


async def test_after_logging_out_the_key_speaks_for_nobody(sandbox: SandboxHandle) -> None:
    ann = await sandbox.account()
    user = await logged_in(sandbox, ann)
    session = session_of(user)
    assert await user.log_out()
    other = telethon_client(sandbox.info, session)
    await other.connect()
    try:
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await other(functions.updates.GetStateRequest())
        assert len((await sandbox.stats())["auth_keys"]) == 1
    finally:
        await other.disconnect()


async def test_receipts_typing_edits_and_deletions_are_pushed(sandbox: SandboxHandle) -> None:
    ann, ben = await sandbox.account(username="ann_t"), await sandbox.account(first_name="Ben", username="ben_t")
    one, two = await logged_in(sandbox, ann), await logged_in(sandbox, ben)
    pushed: list[Any] = []
    one.add_event_handler(pushed.append, RAW())

    async def got(kind: type) -> Any:
        return await eventually(
            lambda: next((u for u in pushed if isinstance(u, kind)), None), within=5, what=str(kind)
        )

    try:
        first = await one.send_message("ben_t", "first")
        await one.send_message("ben_t", "second")
        incoming = await eventually(lambda: two.get_messages("ann_t", limit=5), within=5)
        async with two.action("ann_t", "typing"):
            assert (await got(types.UpdateUserTyping)).user_id == ben["id"]
        await two.send_read_acknowledge("ann_t", max_id=incoming[1].id)
        assert (await got(types.UpdateReadHistoryOutbox)).max_id == first.id
        answer = await two.send_message("ann_t", "answer")
        theirs = (await got(types.UpdateNewMessage)).message
        assert (theirs.message, theirs.out) == ("answer", False)
        await two.edit_message("ann_t", answer.id, "better answer")
        assert (await got(types.UpdateEditMessage)).message.message == "better answer"
        await two.delete_messages("ann_t", [answer.id])
        assert (await got(types.UpdateDeleteMessages)).messages == [theirs.id]
        read = {message["text"]: message["read"] for message in await sandbox.messages(ann["id"])}
        assert read == {"first": True, "second": False}
    finally:
        await one.disconnect()
        await two.disconnect()


async def test_own_messages_reach_the_accounts_other_sessions(sandbox: SandboxHandle) -> None:
    ann, ben = await sandbox.account(), await sandbox.account(first_name="Ben", username="ben_t")
    phone, desk = await logged_in(sandbox, ann), await logged_in(sandbox, ann)
    seen: list[Any] = []

    async def note(event: Any) -> None:
        seen.append((event.raw_text, event.out, event.chat_id))

    desk.add_event_handler(note, NEW_MESSAGE())
    try:
        await phone.send_message("ben_t", "from the phone")
        await sandbox.control.post(f"/accounts/{ann['id']}/messages", json={"to": ben["id"], "text": "from nowhere"})
        await eventually(lambda: len(seen) == 2, within=5)
        assert seen == [("from the phone", True, ben["id"]), ("from nowhere", True, ben["id"])]
    finally:
        await phone.disconnect()
        await desk.disconnect()


async def test_a_repeated_random_id_sends_nothing(sandbox: SandboxHandle) -> None:
    ann, ben = await sandbox.account(), await sandbox.account(first_name="Ben", username="ben_t")
    user = await logged_in(sandbox, ann)
    try:
        peer = await user.get_input_entity("ben_t")
        request = functions.messages.SendMessageRequest(peer, "once", random_id=4711)
        sent = await user(request)
        assert isinstance(sent, types.UpdateShortSentMessage)
        with pytest.raises(errors.RandomIdDuplicateError):
            await user._sender.send(request)
    finally:
        await user.disconnect()
    assert len(await sandbox.messages(ben["id"])) == 1
    assert (await sandbox.stats())["duplicates_refused"] == 1


async def test_formatting_and_replies_arrive_as_they_were_sent(sandbox: SandboxHandle) -> None:
    ann, ben = await sandbox.account(), await sandbox.account(first_name="Ben", username="ben_t")
    user = await logged_in(sandbox, ann)
    other = await logged_in(sandbox, ben)
    try:
        first = await user.send_message("ben_t", "plain")
        second = await user.send_message("ben_t", "some **bold** text", reply_to=first.id)
        assert isinstance(second.entities[0], types.MessageEntityBold)
        newest = (await other.get_messages(ann["id"], limit=1))[0]
        assert newest.text == "some **bold** text"
        assert (await newest.get_reply_message()).raw_text == "plain"
    finally:
        await user.disconnect()
        await other.disconnect()


@pytest.mark.parametrize("missed", [3, 250])
async def test_what_was_missed_is_fetched_in_order(sandbox: SandboxHandle, missed: int) -> None:
    ann, bob = await sandbox.account(), await sandbox.account("bot", "Bob")
    bot = await logged_in(sandbox, bob)
    await bot.disconnect()
    for number in range(missed):
        body = {"to": bob["id"], "text": f"message {number}"}
        await sandbox.control.post(f"/accounts/{ann['id']}/messages", json=body)
    again = telethon_client(sandbox.info, bot.session, catch_up=True)
    seen: list[str] = []

    async def note(event: Any) -> None:
        seen.append(event.raw_text)

    again.add_event_handler(note, NEW_MESSAGE(incoming=True))
    await again.connect()
    try:
        await again.catch_up()
        await eventually(lambda: len(seen) >= missed, within=10)
        assert sorted(seen, key=lambda text: int(text.split()[1])) == [f"message {n}" for n in range(missed)]
    finally:
        await again.disconnect()


async def test_get_difference_comes_in_slices_and_may_be_too_long(sandbox: SandboxHandle) -> None:
    ann, ben = await sandbox.account(), await sandbox.account(first_name="Ben")
    user = await logged_in(sandbox, ann)
    try:
        start = await user(functions.updates.GetStateRequest())
        for number in range(130):
            body = {"to": ann["id"], "text": f"{number}"}
            await sandbox.control.post(f"/accounts/{ben['id']}/messages", json=body)
        ask = functions.updates.GetDifferenceRequest
        part = await user(ask(pts=start.pts, date=start.date, qts=0))
        assert isinstance(part, types.updates.DifferenceSlice)
        assert len(part.new_messages) == 100
        state = part.intermediate_state
        rest = await user(ask(pts=state.pts, date=state.date, qts=0))
        assert isinstance(rest, types.updates.Difference)
        new: list[Any] = [*part.new_messages, *rest.new_messages]
        texts = [message.message for message in new]
        assert texts == [f"{number}" for number in range(130)]
        assert isinstance(await user(ask(pts=rest.state.pts, date=state.date, qts=0)), types.updates.DifferenceEmpty)
        long = await user(ask(pts=start.pts, date=start.date, qts=0, pts_total_limit=50))
        assert isinstance(long, types.updates.DifferenceTooLong)
        assert long.pts == rest.state.pts
        await sandbox.fault("too_long", account_id=ann["id"])
        assert isinstance(await user(ask(pts=state.pts, date=state.date, qts=0)), types.updates.DifferenceTooLong)
        assert isinstance(await user(ask(pts=state.pts, date=state.date, qts=0)), types.updates.Difference)
    finally:
        await user.disconnect()


async def test_bots_are_refused_what_telegram_refuses_them(sandbox: SandboxHandle) -> None:
    ann, bob = await sandbox.account(), await sandbox.account("bot", "Bob", username="bob_bot")
    other = await sandbox.account("bot", "Other", username="other_bot")
    bot = await logged_in(sandbox, bob)
    peer = types.InputPeerUser(ann["id"], 0)
    try:
        with pytest.raises(errors.PeerIdInvalidError):
            await bot(functions.messages.SendMessageRequest(peer, "I write first", random_id=1))
        await sandbox.control.post(f"/accounts/{ann['id']}/messages", json={"to": bob["id"], "text": "/start"})
        await bot(functions.messages.SendMessageRequest(peer, "hello", random_id=2))
        for request in (
            functions.messages.GetHistoryRequest(peer, 0, None, 0, 10, 0, 0, 0),
            functions.messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 10, 0),
            functions.messages.ReadHistoryRequest(peer, 0),
            functions.contacts.GetContactsRequest(0),
        ):
            with pytest.raises(errors.BotMethodInvalidError):
                await bot(request)
        with pytest.raises(errors.UserIsBotError):
            await bot.send_message("other_bot", "hello machine")
        user = await logged_in(sandbox, ann)
        await user(functions.contacts.BlockRequest(await user.get_input_entity("bob_bot")))
        await user.disconnect()
        with pytest.raises(errors.UserIsBlockedError):
            await bot(functions.messages.SendMessageRequest(peer, "still there?", random_id=3))
        assert other["kind"] == "bot"
    finally:
        await bot.disconnect()


async def test_people_need_the_access_hash_that_is_theirs(sandbox: SandboxHandle) -> None:
    ann, ben = await sandbox.account(), await sandbox.account(first_name="Ben", username="ben_t")
    cid = await sandbox.account(first_name="Cid")
    one, two = await logged_in(sandbox, ann), await logged_in(sandbox, cid)
    try:
        right = await one.get_input_entity("ben_t")
        for wrong in (0, (await two.get_input_entity("ben_t")).access_hash):
            with pytest.raises(errors.PeerIdInvalidError):
                await one(
                    functions.messages.SendMessageRequest(types.InputPeerUser(ben["id"], wrong), "hi", random_id=9)
                )
        await one(functions.messages.SendMessageRequest(right, "hi", random_id=9))
        with pytest.raises(errors.UsernameNotOccupiedError):
            await one(functions.contacts.ResolveUsernameRequest("nobody_here"))
    finally:
        await one.disconnect()
        await two.disconnect()


async def test_history_and_dialogs_page_like_telegrams(sandbox: SandboxHandle) -> None:
    ann = await sandbox.account()
    others = [await sandbox.account(first_name=f"Friend {n}") for n in range(3)]
    for friend in others:
        for number in range(120):
            body = {"to": ann["id"], "text": f"{friend['id']} {number}"}
            await sandbox.control.post(f"/accounts/{friend['id']}/messages", json=body)
    user = await logged_in(sandbox, ann)
    try:
        dialogs = await user.get_dialogs()
        assert [dialog.id for dialog in dialogs] == [friend["id"] for friend in reversed(others)]
        assert [dialog.unread_count for dialog in dialogs] == [120, 120, 120]
        friend = others[1]["id"]
        texts = [message.raw_text async for message in user.iter_messages(friend, wait_time=0)]
        assert texts == [f"{friend} {number}" for number in reversed(range(120))]
        oldest = [message.raw_text async for message in user.iter_messages(friend, reverse=True, limit=5, wait_time=0)]
        assert oldest == [f"{friend} {number}" for number in range(5)]
        found = [message.raw_text async for message in user.iter_messages(friend, search=" 77", wait_time=0)]
        assert found == [f"{friend} 77"]
        await user.send_read_acknowledge(friend)
        assert [dialog.unread_count for dialog in await user.get_dialogs()] == [120, 0, 120]
    finally:
        await user.disconnect()


async def test_what_is_not_built_is_refused_and_counted(sandbox: SandboxHandle) -> None:
    user = await logged_in(sandbox, await sandbox.account())
    try:
        with pytest.raises(errors.InputMethodInvalidError):
            await user(functions.payments.GetStarsStatusRequest(types.InputPeerSelf()))
        with pytest.raises(errors.MessageEmptyError):
            await user(functions.messages.SendMessageRequest(types.InputPeerSelf(), "  ", random_id=5))
        with pytest.raises(errors.MessageTooLongError):
            await user(functions.messages.SendMessageRequest(types.InputPeerSelf(), "x" * 4097, random_id=6))
    finally:
        await user.disconnect()
    assert (await sandbox.stats())["unknown_methods"] == 1


async def test_many_requests_at_once_are_each_answered_once(sandbox: SandboxHandle) -> None:
    ann, ben = await sandbox.account(), await sandbox.account(first_name="Ben", username="ben_t")
    user = await logged_in(sandbox, ann)
    try:
        peer = await user.get_input_entity("ben_t")
        await asyncio.gather(*(user.send_message(peer, f"n{number} " + "z" * 700) for number in range(300)))
    finally:
        await user.disconnect()
    texts = [message["text"].split()[0] for message in await sandbox.messages(ben["id"])]
    assert sorted(texts) == sorted(f"n{number}" for number in range(300))
