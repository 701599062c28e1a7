"""Who is who: contacts, phone numbers, peers that may not be addressed, and the odd ways through a log-in."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from telethon import errors
from telethon.tl import functions, types

from tests.support.sandbox import API_HASH, API_ID, SandboxHandle, logged_in, running_sandbox, telethon_client


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxHandle]:
    async with running_sandbox(tmp_path) as handle:
        yield handle


@pytest.fixture
async def user(sandbox: SandboxHandle) -> AsyncIterator[Any]:
    client = await logged_in(sandbox, await sandbox.account(phone="15550001", username="ann_t"))
    yield client
    await client.disconnect()


async def test_contacts_show_their_phone_and_strangers_do_not(sandbox: SandboxHandle, user: Any) -> None:
    ben = await sandbox.account(first_name="Ben", username="ben_t", phone="15550002")
    stranger = await user.get_entity("ben_t")
    assert (stranger.phone, stranger.contact) == (None, False)
    cards = [types.InputPhoneContact(1, "+1 555 0002", "Ben", ""), types.InputPhoneContact(2, "+1 555 9999", "No", "")]
    imported = await user(functions.contacts.ImportContactsRequest(cards))
    assert [(one.client_id, one.user_id) for one in imported.imported] == [(1, ben["id"])]
    (contact,) = (await user(functions.contacts.GetContactsRequest(0))).users
    assert (contact.id, contact.phone, contact.contact) == (ben["id"], ben["phone"], True)
    found = await user(functions.contacts.ResolvePhoneRequest("15550002"))
    assert found.peer.user_id == ben["id"]
    with pytest.raises(errors.PhoneNotOccupiedError):
        await user(functions.contacts.ResolvePhoneRequest("15559999"))


async def test_a_person_can_be_kept_blocked_and_unblocked(sandbox: SandboxHandle, user: Any) -> None:
    ben = await sandbox.account(first_name="Ben", username="ben_t")
    peer = await user.get_input_entity("ben_t")
    await user(functions.contacts.AddContactRequest(peer, "Ben", "", ""))
    assert (await user.get_entity("ben_t")).contact
    await user(functions.contacts.BlockRequest(peer))
    with pytest.raises(errors.YouBlockedUserError):
        await user.send_message(peer, "hello")
    await user(functions.contacts.UnblockRequest(peer))
    await user.send_message(peer, "hello")
    assert [message["text"] for message in await sandbox.messages(ben["id"])] == ["hello"]


async def test_somebody_in_full(sandbox: SandboxHandle, user: Any) -> None:
    await sandbox.account("bot", "Bob", username="bob_bot")
    full = await user(functions.users.GetFullUserRequest(await user.get_input_entity("bob_bot")))
    assert (full.users[0].bot, full.full_user.bot_info.user_id) == (True, full.users[0].id)
    with pytest.raises(errors.UserIdInvalidError):
        await user(functions.users.GetFullUserRequest(types.InputUser(full.users[0].id, 5)))
    wrong = types.InputUser(full.users[0].id, 5)
    me, *others = await user(functions.users.GetUsersRequest([types.InputUserSelf(), wrong]))
    assert (me.is_self, others) == (True, [])


async def test_peers_that_are_no_people_are_refused(sandbox: SandboxHandle, user: Any) -> None:
    refusals = (
        (types.InputPeerChannel(5, 6), errors.ChannelInvalidError),
        (types.InputPeerChat(5), errors.ChatIdInvalidError),
        (types.InputPeerEmpty(), errors.PeerIdInvalidError),
        (types.InputPeerUser(5, 6), errors.PeerIdInvalidError),
        (types.InputPeerUserFromMessage(types.InputPeerSelf(), 99, 5), errors.PeerIdInvalidError),
    )
    for peer, error in refusals:
        with pytest.raises(error):
            await user(functions.messages.SendMessageRequest(peer, "hello", random_id=1))


async def test_an_author_is_reached_through_a_message(sandbox: SandboxHandle, user: Any) -> None:
    me = await user.get_me()
    ben = await sandbox.account(first_name="Ben")
    await sandbox.control.post(f"/accounts/{ben['id']}/messages", json={"to": me.id, "text": "hi"})
    (dialog,) = await user.get_dialogs()
    peer = types.InputPeerUserFromMessage(dialog.input_entity, dialog.message.id, ben["id"])
    await user(functions.messages.SendMessageRequest(peer, "hello", random_id=1))
    assert [message["text"] for message in await sandbox.messages(ben["id"])] == ["hi", "hello"]
    parts = await user(functions.messages.GetPeerDialogsRequest([types.InputDialogPeer(dialog.input_entity)]))
    assert [(one.peer.user_id, one.unread_count) for one in parts.dialogs] == [(ben["id"], 1)]
    assert (await user(functions.messages.GetPinnedDialogsRequest(0))).dialogs == []
    gone, there = await user.get_messages(dialog.input_entity, ids=[55, dialog.message.id])
    assert (gone, there.raw_text) == (None, "hi")


async def test_codes_can_be_asked_for_again_and_called_off(sandbox: SandboxHandle) -> None:
    ann = await sandbox.account()
    client = telethon_client(sandbox.info)
    await client.connect()
    settings = types.CodeSettings()
    try:
        with pytest.raises(errors.ApiIdInvalidError):
            await client(functions.auth.SendCodeRequest(ann["phone"], 0, "", settings))
        sent = await client(functions.auth.SendCodeRequest(ann["phone"], API_ID, API_HASH, settings))
        again = await client(functions.auth.ResendCodeRequest(ann["phone"], sent.phone_code_hash))
        code = await sandbox.code(ann["phone"])
        for phone_code_hash, text, error in (
            (sent.phone_code_hash, code, errors.PhoneCodeExpiredError),
            (again.phone_code_hash, "", errors.PhoneCodeEmptyError),
        ):
            with pytest.raises(error):
                await client(functions.auth.SignInRequest(ann["phone"], phone_code_hash, text))
        with pytest.raises(errors.PhoneCodeExpiredError):
            await client(functions.auth.ResendCodeRequest(ann["phone"], sent.phone_code_hash))
        assert await client(functions.auth.CancelCodeRequest(ann["phone"], again.phone_code_hash))
        with pytest.raises(errors.PhoneCodeExpiredError):
            await client(functions.auth.SignInRequest(ann["phone"], again.phone_code_hash, code))
        with pytest.raises(errors.UpdateAppToLoginError):
            await client(functions.auth.SignUpRequest(ann["phone"], again.phone_code_hash, "A", "B"))
    finally:
        await client.disconnect()


async def test_what_clients_ask_by_the_way(sandbox: SandboxHandle, user: Any) -> None:
    assert (await user(functions.help.GetNearestDcRequest())).this_dc == sandbox.info["dc_id"]
    assert (await user(functions.help.GetAppConfigRequest(0))).config.value == []
    assert await user(functions.help.GetTermsOfServiceUpdateRequest())
    assert not (await user(functions.account.GetPasswordRequest())).has_password
    (option,) = (await user(functions.help.GetConfigRequest())).dc_options
    assert (option.ip_address, option.port) == (sandbox.info["address"], sandbox.info["port"])
    with pytest.raises(errors.PersistentTimestampEmptyError):
        await user(functions.updates.GetDifferenceRequest(pts=0, date=None, qts=0))
    for answer in (types.InputCheckPasswordEmpty(), types.InputCheckPasswordSRP(1, bytes(256), bytes(32))):
        with pytest.raises((errors.PasswordHashInvalidError, errors.SrpIdInvalidError)):
            await user(functions.auth.CheckPasswordRequest(answer))
