"""Each fault that can be ordered strikes as Telegram would, as often as it was ordered, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from telethon import errors
from telethon.errors.common import AuthKeyNotFound
from telethon.events.newmessage import NewMessage
from telethon.tl import functions, types

from tests.support.sandbox import SandboxHandle, logged_in, running_sandbox, session_of, telethon_client
from tests.support.waiting import eventually

_STATE = functions.updates.GetStateRequest()

NEW_MESSAGE: Any = NewMessage


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxHandle]:
    async with running_sandbox(tmp_path) as handle:
        yield handle


@pytest.fixture
async def ann(sandbox: SandboxHandle) -> dict[str, Any]:
    return await sandbox.account()


@pytest.fixture
async def ben(sandbox: SandboxHandle) -> dict[str, Any]:
    return await sandbox.account(first_name="Ben", username="ben_t")


@pytest.fixture
async def client(sandbox: SandboxHandle, ann: dict[str, Any]) -> AsyncIterator[Any]:
    user = await logged_in(sandbox, ann, flood_sleep_threshold=0, request_retries=1, raise_last_call_error=True)
    yield user
    await user.disconnect()


@pytest.mark.parametrize(
    ("message", "code", "error"),
    [
        ("FLOOD_WAIT_30", 420, errors.FloodWaitError),
        ("PEER_FLOOD", 400, errors.PeerFloodError),
        ("FROZEN_METHOD_INVALID", 420, errors.FrozenMethodInvalidError),
        ("USER_DEACTIVATED_BAN", 401, errors.UserDeactivatedBanError),
        ("RPC_CALL_FAIL", 500, errors.RpcCallFailError),
        ("TIMEOUT", 503, errors.TimedOutError),
    ],
)
async def test_an_error_strikes_one_method_once(
    sandbox: SandboxHandle, client: Any, message: str, code: int, error: type[Exception]
) -> None:
    await sandbox.fault("rpc_error", method="updates.getState", error_message=message)
    (order,) = (await sandbox.control.get("/faults")).json()
    assert (order["error_code"], order["remaining"]) == (code, 1)
    await client(functions.account.UpdateStatusRequest(offline=False))
    with pytest.raises(error):
        await client._sender.send(_STATE)
    await client._sender.send(_STATE)
    assert (await sandbox.control.get("/faults")).json() == []


async def test_an_error_for_one_account_spares_the_others(
    sandbox: SandboxHandle, client: Any, ben: dict[str, Any]
) -> None:
    other = await logged_in(sandbox, ben, flood_sleep_threshold=0)
    await sandbox.fault("rpc_error", account_id=ben["id"], error_message="FLOOD_WAIT_7")
    await client(_STATE)
    with pytest.raises(errors.FloodWaitError) as caught:
        await other(functions.contacts.GetContactsRequest(0))
    assert caught.value.seconds == 7
    await other.disconnect()


async def test_a_duplicated_key_is_revoked(sandbox: SandboxHandle, client: Any, ann: dict[str, Any]) -> None:
    await sandbox.fault("rpc_error", method="updates.getState", error_message="AUTH_KEY_DUPLICATED")
    with pytest.raises(errors.AuthKeyDuplicatedError):
        await client._sender.send(_STATE)
    with pytest.raises(errors.AuthKeyUnregisteredError):
        await client._sender.send(_STATE)
    assert all(key["account_id"] != ann["id"] for key in (await sandbox.stats())["auth_keys"])


async def test_an_unregistered_key_comes_back_when_it_was_only_said(sandbox: SandboxHandle, client: Any) -> None:
    await sandbox.fault("rpc_error", method="*", error_message="AUTH_KEY_UNREGISTERED")
    with pytest.raises(errors.AuthKeyUnregisteredError):
        await client._sender.send(_STATE)
    await client._sender.send(_STATE)


@pytest.mark.parametrize(("fault", "refused"), [("cut_before", 0), ("cut_after", 1)])
async def test_a_cut_request_is_sent_again_and_executed_once(
    sandbox: SandboxHandle, client: Any, ben: dict[str, Any], fault: str, refused: int
) -> None:
    peer = await client.get_input_entity("ben_t")
    await sandbox.fault(fault, method="messages.sendMessage")
    sending = client._sender.send(functions.messages.SendMessageRequest(peer, "once", random_id=77))
    if refused:
        with pytest.raises(errors.RandomIdDuplicateError):
            await sending
    else:
        assert isinstance(await sending, types.UpdateShortSentMessage)
    assert [message["text"] for message in await sandbox.messages(ben["id"])] == ["once"]
    stats = await sandbox.stats()
    assert stats["duplicates_refused"] == refused
    assert stats["max_connections_per_auth_key"] == 1


async def test_no_answer_means_executed_and_silent(sandbox: SandboxHandle, client: Any, ben: dict[str, Any]) -> None:
    peer = await client.get_input_entity("ben_t")
    await sandbox.fault("no_answer", method="messages.sendMessage")
    sending = client._sender.send(functions.messages.SendMessageRequest(peer, "heard", random_id=78))
    await client(_STATE)
    assert not sending.done()
    assert [message["text"] for message in await sandbox.messages(ben["id"])] == ["heard"]


async def test_a_delay_holds_one_answer_back(sandbox: SandboxHandle, client: Any) -> None:
    await sandbox.fault("delay", method="updates.getState", delay_ms=300)
    slow = client._sender.send(_STATE)
    await client(functions.account.UpdateStatusRequest(offline=False))
    assert not slow.done()
    assert isinstance(await slow, types.updates.State)


async def test_dropped_connections_come_back_with_nothing_lost(
    sandbox: SandboxHandle, client: Any, ann: dict[str, Any], ben: dict[str, Any]
) -> None:
    seen: list[str] = []

    async def note(event: Any) -> None:
        seen.append(event.raw_text)

    client.add_event_handler(note, NEW_MESSAGE(incoming=True))
    await sandbox.fault("drop_connections")
    await sandbox.control.post(f"/accounts/{ben['id']}/messages", json={"to": ann["id"], "text": "while away"})
    await client.catch_up()
    await eventually(lambda: seen == ["while away"], within=10)
    assert (await sandbox.stats())["max_connections_per_auth_key"] == 1


async def test_suppressed_pushes_leave_a_gap_that_is_fetched(
    sandbox: SandboxHandle, client: Any, ann: dict[str, Any], ben: dict[str, Any]
) -> None:
    seen: list[str] = []

    async def note(event: Any) -> None:
        seen.append(event.raw_text)

    client.add_event_handler(note, NEW_MESSAGE(incoming=True))
    await sandbox.fault("suppress_pushes", account_id=ann["id"], count=2)
    for text in ("one", "two", "three"):
        await sandbox.control.post(f"/accounts/{ben['id']}/messages", json={"to": ann["id"], "text": text})
    await eventually(lambda: len(seen) == 3, within=10)
    assert seen == ["one", "two", "three"]


async def test_a_rotated_salt_is_learned(sandbox: SandboxHandle, client: Any, ann: dict[str, Any]) -> None:
    before = client._sender._state.salt
    await sandbox.fault("rotate_salt", account_id=ann["id"])
    await client(_STATE)
    assert client._sender._state.salt != before


async def test_a_forgotten_key_is_unknown(sandbox: SandboxHandle, client: Any, ann: dict[str, Any]) -> None:
    await sandbox.fault("forget_key", account_id=ann["id"])
    with pytest.raises((AuthKeyNotFound, ConnectionError, asyncio.CancelledError)):
        await client._sender.send(_STATE)
    assert not client.is_connected()


async def test_two_connections_of_one_key_are_counted_for_ever(
    sandbox: SandboxHandle, client: Any, ann: dict[str, Any]
) -> None:
    second = telethon_client(sandbox.info, session_of(client))
    await second.connect()
    await second(_STATE)
    stats = await sandbox.stats()
    assert stats["max_connections_per_auth_key"] == 2
    await second.disconnect()
    (key,) = [key for key in (await sandbox.stats())["auth_keys"] if key["account_id"] == ann["id"]]
    assert (key["connections"], key["max_connections"]) == (1, 2)
    await sandbox.fault("forget_key")
    assert (await sandbox.stats())["max_connections_per_auth_key"] == 2


async def test_the_strict_server_revokes_a_key_that_is_used_twice(tmp_path: Path) -> None:
    async with running_sandbox(tmp_path, refuse_second_connection=True) as sandbox:
        first = await logged_in(sandbox, await sandbox.account())
        second = telethon_client(sandbox.info, session_of(first))
        with pytest.raises(errors.AuthKeyDuplicatedError):
            await second.connect()
        with pytest.raises(errors.AuthKeyDuplicatedError):
            await first._sender.send(_STATE)
        await first.disconnect()
        await second.disconnect()


async def test_a_quick_reconnect_never_counts_twice(sandbox: SandboxHandle, client: Any) -> None:
    for _ in range(20):
        await client.disconnect()
        await client.connect()
        await client(_STATE)
    assert (await sandbox.stats())["max_connections_per_auth_key"] == 1


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"fault": "earthquake"}, "rpc_error"),
        ({"fault": "rpc_error"}, "error_message"),
        ({"fault": "rpc_error", "error_message": "no such thing"}, "pattern"),
        ({"fault": "cut_after", "error_message": "FLOOD_WAIT_1"}, "only rpc_error"),
        ({"fault": "delay"}, "delay_ms"),
        ({"fault": "cut_after", "method": "messages.sendTelegram"}, "messages.sendMessage"),
        ({"fault": "cut_after", "account_id": 5}, "no account 5"),
        ({"fault": "cut_after", "count": 0}, "greater than or equal to 1"),
        ({"fault": "cut_after", "often": 3}, "often"),
    ],
)
async def test_bad_orders_are_explained(sandbox: SandboxHandle, order: dict[str, Any], words: str) -> None:
    answer = await sandbox.control.post("/faults", json=order)
    assert answer.status_code == 422
    assert words in answer.text
    assert (await sandbox.control.get("/faults")).json() == []


async def test_orders_can_be_called_off(sandbox: SandboxHandle, client: Any) -> None:
    first = await sandbox.fault("cut_before", count=3)
    await sandbox.fault("no_answer")
    assert (await sandbox.control.delete(f"/faults/{first}")).status_code == 204
    assert (await sandbox.control.delete(f"/faults/{first}")).status_code == 404
    assert (await sandbox.control.delete("/faults")).status_code == 204
    await client(_STATE)
