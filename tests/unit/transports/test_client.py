"""Requests that end, and ghosts that do not walk: the client on a sender that never answers by itself."""

# mypy: allow-untyped-calls

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import errors
from telethon.network.connection.tcpfull import ConnectionTcpFull
from telethon.network.requeststate import RequestState
from telethon.tl import functions, types

from hanfleet.core.errors import BotFailure, ConflictError, TemporaryError
from hanfleet.core.failures import FailureKind
from hanfleet.transports.telegram.client import FleetClient, NoAnswerError
from hanfleet.transports.telegram.session import SnapshotSession
from tests.support.ports import free_port
from tests.support.waiting import eventually

PORT = free_port()
make_connection: Any = ConnectionTcpFull
REQUEST = functions.messages.SendMessageRequest(types.InputPeerUser(7, 70), "hello", random_id=1)


@pytest.fixture
async def client() -> FleetClient:
    made = FleetClient(SnapshotSession(None, None), 1, "hash", request_timeout_s=0.05)
    made.ready = True
    made._sender._user_connected = True
    return made


def queued(client: FleetClient) -> list[Any]:
    return list(client._sender._send_queue._deque)


async def sent(client: FleetClient) -> RequestState:
    """Wait for a request to be queued, then let it leave, as Telethon's send loop does."""
    while not queued(client):
        await asyncio.sleep(0)
    state: RequestState = client._sender._send_queue._deque.popleft()
    state.msg_id = 4
    client._sender._pending_state[4] = state
    return state


async def test_an_unanswered_request_ends_and_leaves_nothing_behind(client: FleetClient) -> None:
    asking = asyncio.create_task(client.ask(REQUEST))
    await sent(client)
    with pytest.raises(NoAnswerError, match=r"0\.05 s"):
        await asking
    assert client._sender._pending_state == {}


async def test_a_request_that_never_left_is_taken_back(client: FleetClient) -> None:
    other = client._sender.send(functions.help.GetConfigRequest())
    with pytest.raises(NoAnswerError):
        await client.ask(REQUEST)
    assert [state.future for state in queued(client)] == [other]


async def test_a_cancelled_request_is_taken_back(client: FleetClient) -> None:
    asking = asyncio.create_task(client.ask(REQUEST))
    await sent(client)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert client._sender._pending_state == {}


async def test_a_closed_connection_is_an_error_and_no_cancellation(client: FleetClient) -> None:
    asking = asyncio.create_task(client.ask(REQUEST))
    state = await sent(client)
    state.future.cancel()
    with pytest.raises(TemporaryError, match="closed"):
        await asking
    client._sender._user_connected = False
    with pytest.raises(TemporaryError):
        await client.ask(REQUEST)


async def test_an_answer_teaches_the_session(client: FleetClient) -> None:
    asking = asyncio.create_task(client.ask(REQUEST))
    user = types.User(id=7, access_hash=70)
    (await sent(client)).future.set_result(types.contacts.ResolvedPeer(types.PeerUser(7), [], [user]))
    await asking
    assert client.session.input_peer(7) == types.InputPeerUser(7, 70)


async def test_a_lost_session_is_told_once_and_refuses_at_once(client: FleetClient) -> None:
    told: list[BotFailure] = []
    client.on_loss = told.append
    asking = asyncio.create_task(client.ask(REQUEST))
    (await sent(client)).future.set_exception(errors.AuthKeyDuplicatedError(request=None))
    with pytest.raises(BotFailure) as lost:
        await asking
    assert lost.value.kind is FailureKind.REAUTH
    with pytest.raises(BotFailure):
        await client.ask(REQUEST)
    client.lose(BotFailure(FailureKind.BUG, "a later one"))
    assert told == [lost.value]
    assert not client.can_send


async def test_a_loss_while_leaving_is_not_told(client: FleetClient) -> None:
    told: list[BotFailure] = []
    client.on_loss = told.append
    client.closing = True
    client.lose(BotFailure(FailureKind.TRANSIENT, "gone"))
    assert told == []


async def test_nothing_is_asked_before_the_log_in(client: FleetClient) -> None:
    client.ready = False
    with pytest.raises(ConflictError, match="Log in first"):
        await client.ask(REQUEST)
    assert queued(client) == []


@pytest.fixture
async def lines() -> AsyncIterator[list[asyncio.StreamWriter]]:
    """Whoever connects to `PORT` has a line here, and nobody says anything on it."""
    taken: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: taken.append(writer), "127.0.0.1", PORT)
    yield taken
    for line in taken:
        line.close()
    server.close()
    await server.wait_closed()


async def connected(client: FleetClient) -> Any:
    """The client's connection, which stands."""
    client._sender._connection = make_connection("127.0.0.1", PORT, 2, loggers=client._log)
    await client._sender._connection.connect()
    return client._sender._connection


async def test_leaving_ends_a_reconnect_that_would_go_on_for_ever(client: FleetClient, lines: Any) -> None:
    line = await connected(client)
    client.reconnect()
    await asyncio.sleep(0)  # it begins, waits for what it cancels itself, and takes our cancelling for that
    async with asyncio.timeout(5):
        await client.close_connection()
    assert line._writer.transport.is_closing()


async def test_leaving_closes_a_socket_that_telethon_forgot(client: FleetClient, lines: Any) -> None:
    line = await connected(client)
    line._connected = False  # as where its own disconnecting was cut short
    await client.close_connection()
    assert line._writer.transport.is_closing()
    line._send_task.cancel()
    line._recv_task.cancel()


async def test_one_reconnect_at_a_time(client: FleetClient, lines: Any) -> None:
    line = await connected(client)
    client.reconnect()
    under_way = client._sender._reconnect_task
    await eventually(lambda: not client._sender._reconnecting)  # Telethon would let another begin from here on
    client.reconnect()
    assert client._sender._reconnect_task is under_way
    await eventually(lambda: len(lines) == 2)
    await client.close_connection()
    assert line._writer.transport.is_closing()
