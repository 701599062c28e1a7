"""MTProto itself: what a strict or hostile client sees below the methods."""

import asyncio
import contextlib
import gzip
import os
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import functions, types
from telethon.tl.core.gzippacked import GzipPacked
from telethon.tl.core.rpcresult import RpcResult

from tests.support.raw_mtproto import RawClient
from tests.support.sandbox import API_HASH, API_ID, SandboxHandle, running_sandbox

_PING = functions.PingRequest(7)
_GZIP: Any = GzipPacked


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxHandle]:
    async with running_sandbox(tmp_path) as handle:
        yield handle


@pytest.fixture
async def client(sandbox: SandboxHandle) -> AsyncIterator[RawClient]:
    raw = RawClient(sandbox.info)
    await raw.connect()
    await raw.make_key(inner=types.PQInnerDataDc, dc=2)
    yield raw
    await raw.close()


async def _log_in(sandbox: SandboxHandle, client: RawClient) -> dict[str, Any]:
    bot = await sandbox.account("bot", "Raw")
    request = functions.auth.ImportBotAuthorizationRequest(0, API_ID, API_HASH, bot["token"])
    assert isinstance(await client.call(request), types.auth.Authorization)
    return bot


def _container(*messages: tuple[int, int, bytes]) -> bytes:
    inner = b"".join(struct.pack("<qii", msg_id, seqno, len(body)) + body for msg_id, seqno, body in messages)
    return struct.pack("<Ii", 0x73F1F8DC, len(messages)) + inner


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize(
    ("inner", "extra"),
    [
        (types.PQInnerData, {}),
        (types.PQInnerDataDc, {"dc": 2}),
        (types.PQInnerDataTemp, {"expires_in": 3600}),
        (types.PQInnerDataTempDc, {"dc": 2, "expires_in": 3600}),
    ],
)
async def test_both_rsa_forms_and_all_inner_data_make_a_key(
    sandbox: SandboxHandle, padded: bool, inner: type, extra: dict[str, int]
) -> None:
    raw = RawClient(sandbox.info)
    await raw.connect()
    await raw.make_key(padded=padded, inner=inner, **extra)
    raw.send(_PING)
    assert (await raw.wait_for(types.Pong)).ping_id == 7
    await raw.close()


async def test_a_key_exchange_out_of_order_is_cut(sandbox: SandboxHandle) -> None:
    for request in (
        functions.help.GetConfigRequest(),
        functions.ReqDHParamsRequest(1, 2, b"p", b"q", sandbox.info["fingerprint"], bytes(256)),
        functions.SetClientDHParamsRequest(0, 0, bytes(32)),
    ):
        raw = RawClient(sandbox.info)
        await raw.connect()
        body = bytes(request)
        raw.write_packet(bytes(8) + struct.pack("<qi", raw.next_id(), len(body)) + body)
        await raw.wait_for_end()
        await raw.close()


async def test_an_exchange_with_another_servers_key_is_cut(sandbox: SandboxHandle) -> None:
    raw = RawClient(sandbox.info)
    await raw.connect()
    offer = await raw._plain(functions.ReqPqRequest(5))
    assert offer.nonce == 5
    body = bytes(functions.ReqDHParamsRequest(5, offer.server_nonce, b"p", b"q", 12345, bytes(256)))
    raw.write_packet(bytes(8) + struct.pack("<qi", raw.next_id(), len(body)) + body)
    await raw.wait_for_end()
    await raw.close()


async def test_a_new_session_is_announced_with_the_salt(client: RawClient) -> None:
    msg_id, _ = client.send(_PING)
    created = await client.wait_for(types.NewSessionCreated)
    assert created.first_msg_id == msg_id
    assert created.server_salt == client.salt


async def test_a_wrong_salt_is_refused_once_and_named(client: RawClient) -> None:
    right, client.salt = client.salt, 0
    msg_id, _ = client.send(_PING)
    refusal = await client.wait_for(types.BadServerSalt)
    assert (refusal.bad_msg_id, refusal.error_code, refusal.new_server_salt) == (msg_id, 48, right)
    client.salt = right
    client.send(_PING)
    await client.wait_for(types.Pong)


@pytest.mark.parametrize(
    ("shift", "code"), [(-400 * 2**32, 16), (60 * 2**32, 17), (1, 18), (2, 18)], ids=["old", "new", "low 1", "low 2"]
)
async def test_impossible_message_ids_are_refused(client: RawClient, shift: int, code: int) -> None:
    msg_id = client.next_id() + shift
    client.write_packet(client.packet(bytes(_PING), msg_id, 1))
    refusal = await client.wait_for(types.BadMsgNotification)
    assert (refusal.bad_msg_id, refusal.error_code) == (msg_id, code)


async def test_wrong_sequence_numbers_are_refused_except_of_pings(client: RawClient) -> None:
    config = bytes(functions.help.GetConfigRequest())
    for body, seqno, code in ((config, 2, 35), (bytes(types.MsgsAck([1])), 3, 34)):
        client.write_packet(client.packet(body, client.next_id(), seqno))
        assert (await client.wait_for(types.BadMsgNotification)).error_code == code
    client.write_packet(client.packet(config, client.next_id(), 9))
    await client.wait_for(RpcResult)
    client.write_packet(client.packet(config, client.next_id(), 5))
    assert (await client.wait_for(types.BadMsgNotification)).error_code == 32
    for seqno in (0, 1):
        client.write_packet(client.packet(bytes(_PING), client.next_id(), seqno))
        await client.wait_for(types.Pong)


async def test_containers_are_executed_in_order_and_bad_ones_refused(client: RawClient) -> None:
    first, second, outer = client.next_id(), client.next_id(), client.next_id()
    body = _container((first, 1, bytes(functions.PingRequest(1))), (second, 3, bytes(functions.PingRequest(2))))
    client.write_packet(client.packet(body, outer, 4))
    answers = [received.value for received in await client.receive()]
    assert [one.ping_id for one in answers if isinstance(one, types.Pong)] == [1, 2]
    newer = client.next_id() + 5 * 2**32
    for bad in (
        _container((client.next_id(), 1, body)),
        _container((newer, 1, bytes(_PING))),
        struct.pack("<Ii", 0x73F1F8DC, 2) + body[8:24],
    ):
        msg_id = client.next_id()
        client.write_packet(client.packet(bad, msg_id, 6))
        refusal = await client.wait_for(types.BadMsgNotification)
        assert (refusal.bad_msg_id, refusal.error_code) == (msg_id, 64)


async def test_gzip_packed_requests_are_unpacked_and_bombs_refused(client: RawClient) -> None:
    assert isinstance(await client.call(bytes(_GZIP(bytes(functions.help.GetConfigRequest())))), types.Config)
    packed = gzip.compress(bytes(64 * 1024 * 1024))
    client.send(struct.pack("<I", 0x3072CFA1) + _tl_bytes(packed))
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await client.read_packet()


def _tl_bytes(data: bytes) -> bytes:
    head = b"\xfe" + len(data).to_bytes(3, "little")
    return head + data + bytes(-len(data) % 4)


async def test_a_replayed_packet_is_not_executed_again(sandbox: SandboxHandle, client: RawClient) -> None:
    bot = await _log_in(sandbox, client)
    ann = await sandbox.account(username="ann_t")
    await sandbox.control.post(f"/accounts/{ann['id']}/messages", json={"to": bot["id"], "text": "/start"})
    peer = types.InputPeerUser(ann["id"], 0)
    msg_id, packet = client.send(functions.messages.SendMessageRequest(peer, "once", random_id=1))
    first = await client.wait_for(RpcResult)
    client.write_packet(packet)
    again = await client.wait_for(RpcResult)
    assert (first.req_msg_id, again.req_msg_id, first.body) == (msg_id, msg_id, again.body)
    assert [message["text"] for message in await sandbox.messages(ann["id"])] == ["/start", "once"]
    assert (await sandbox.stats())["duplicates_refused"] == 0


async def test_a_session_that_comes_back_gets_what_it_did_not_acknowledge(
    sandbox: SandboxHandle, client: RawClient
) -> None:
    bot = await _log_in(sandbox, client)
    ann = await sandbox.account()
    await sandbox.fault("cut_after", method="help.getConfig")
    msg_id, _ = client.send(functions.help.GetConfigRequest())
    await client.wait_for_end()
    await sandbox.control.post(f"/accounts/{ann['id']}/messages", json={"to": bot["id"], "text": "while away"})
    await client.connect()
    client.send(_PING)
    seen: dict[int, Any] = {}
    while not any(isinstance(value, types.Pong) for value in seen.values()):
        seen.update({received.msg_id: received.value for received in await client.receive()})
    assert [value.req_msg_id for value in seen.values() if isinstance(value, RpcResult)][-1] == msg_id
    pushes: list[Any] = [value for value in seen.values() if isinstance(value, types.Updates)]
    assert [push.updates[0].message.message for push in pushes] == ["while away"]
    client.send(types.MsgsAck(list(seen)), content=False)
    client.send(_PING)
    await client.wait_for(types.Pong)
    await client.connect()
    client.send(_PING)
    assert [type(received.value) for received in await client.receive()] == [types.Pong]


async def test_salts_sessions_and_states_can_be_asked_for(client: RawClient) -> None:
    client.send(functions.GetFutureSaltsRequest(3))
    salts = await client.wait_for(types.FutureSalts)
    assert [salt.salt for salt in salts.salts] == [client.salt]
    client.send(functions.DestroySessionRequest(client.session_id + 1))
    await client.wait_for(types.DestroySessionNone)
    old, client.session_id = client.session_id, client.session_id + 5
    known, _ = client.send(_PING)
    await client.wait_for(types.Pong)
    client.send(functions.DestroySessionRequest(old))
    assert (await client.wait_for(types.DestroySessionOk)).session_id == old
    client.send(types.MsgsStateReq([known, known + 4000]))
    assert (await client.wait_for(types.MsgsStateInfo)).info == "\x04\x01"
    client.send(functions.RpcDropAnswerRequest(known))
    await client.wait_for(RpcResult)
    client.send(functions.DestroyAuthKeyRequest())
    await client.wait_for(types.DestroyAuthKeyOk)
    client.send(_PING)
    assert await client.read_packet() == struct.pack("<i", -404)


async def test_a_promised_disconnect_is_kept(client: RawClient) -> None:
    client.send(functions.PingDelayDisconnectRequest(1, 0))
    await client.wait_for_end()


async def test_an_unknown_key_gets_404(sandbox: SandboxHandle) -> None:
    raw = RawClient(sandbox.info)
    await raw.connect()
    raw.key = os.urandom(256)
    raw.send(_PING)
    assert await raw.read_packet() == struct.pack("<i", -404)
    assert await raw.reader.read() == b""
    await raw.close()


async def test_an_unknown_constructor_is_a_polite_refusal(sandbox: SandboxHandle, client: RawClient) -> None:
    error = await client.call(struct.pack("<I", 0x12345678) + b"\x00" * 8)
    assert (error.error_code, error.error_message) == (400, f"INPUT_METHOD_INVALID_{0x12345678}")
    assert (await sandbox.stats())["unknown_methods"] == 1


def _full(packet: bytes, number: int = 0, crc: int | None = None) -> bytes:
    head = struct.pack("<ii", len(packet) + 12, number) + packet
    return head + struct.pack("<I", zlib.crc32(head) if crc is None else crc)


@pytest.mark.parametrize(
    "stream",
    [
        _full(bytes(20), crc=1),
        _full(bytes(40), number=0) + _full(bytes(40), number=5),
        b"\xee\xee\xee\xee" + struct.pack("<I", 200_000_000),
        b"\xef\x00",
        b"\xee\xee\xee\xee" + struct.pack("<I", 12) + bytes(12),
        b"\xee\xee\xee\xee" + struct.pack("<I", 8) + b"\x01" * 8,
        b"\x11" * 80,
        b"GET / HTTP/1.1\r\nHost: telegram\r\n\r\n" + b"x" * 60,
    ],
    ids=["crc", "number", "too long", "empty", "short plain", "short encrypted", "noise", "http"],
)
async def test_garbage_closes_the_connection_and_nothing_else(sandbox: SandboxHandle, stream: bytes) -> None:
    reader, writer = await asyncio.open_connection(sandbox.info["address"], sandbox.info["port"])
    writer.write(stream)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            assert not await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    raw = RawClient(sandbox.info)
    await raw.connect()
    await raw.make_key(inner=types.PQInnerDataDc, dc=2)
    await raw.close()


async def test_a_forged_message_closes_the_connection(client: RawClient) -> None:
    packet = bytearray(client.packet(bytes(_PING), client.next_id(), 1))
    packet[40] ^= 1
    client.write_packet(bytes(packet))
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await client.read_packet()
