"""Commands to a worker and its answers over a real server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from pydantic import SecretStr

from hanfleet.bus import Bus, BusProvisioner, IPCManager, MessageQueue, open_bus
from hanfleet.bus.codec import encode_command
from hanfleet.core.commands import Command, Ping, Response, Status, Stop, SubmitLoginCode
from hanfleet.core.errors import CommandTimeoutError, ConflictError
from hanfleet.kit.clock import SystemClock
from hanfleet.kit.identity import new_id
from hanfleet.vault import Cipher, new_data_key
from tests.support.waiting import eventually


@asynccontextmanager
async def answering(queue: MessageQueue, answer: Callable[[Command], dict]) -> AsyncIterator[list[Command]]:
    """A worker that answers every command."""
    seen: list[Command] = []

    async def work() -> None:
        async for command_id, command in queue.receive():
            seen.append(command)
            await queue.reply(Response(command_id=command_id, ok=True, data=answer(command)))

    task = asyncio.create_task(work())
    try:
        yield seen
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def clear(data: bytes) -> bytes:
    return data


async def test_a_worker_answers_as_its_own_user(bus: Bus, ipc: IPCManager, bot_id: str) -> None:
    url = await BusProvisioner(bus).create_user(bot_id)
    async with open_bus(url, clock=SystemClock()) as own:
        queue = IPCManager(own).setup_message_queue(bot_id, unseal=clear)
        async with answering(queue, lambda command: {"to": command.type}) as seen:
            response = await ipc.send_command(bot_id, Ping())
            assert response.ok
            assert response.data == {"to": "ping"}
            assert (await ipc.send_command(bot_id, Status())).data == {"to": "status"}
            assert seen == [Ping(), Status()]


async def test_many_askers_get_each_their_own_answer(ipc: IPCManager, bot_id: str) -> None:
    count = iter(range(1000))
    async with answering(ipc.setup_message_queue(bot_id, unseal=clear), lambda _: {"n": next(count)}):
        responses = await asyncio.gather(*(ipc.send_command(bot_id, Ping()) for _ in range(25)))
    assert sorted(response.data["n"] for response in responses) == list(range(25))


async def test_a_command_sent_before_the_worker_came_is_carried_out(ipc: IPCManager, bot_id: str) -> None:
    asking = asyncio.create_task(ipc.send_command(bot_id, Ping()))
    await eventually(lambda: ipc._bus.client.xlen(f"hf:{bot_id}:commands"))
    async with answering(ipc.setup_message_queue(bot_id, unseal=clear), lambda _: {}):
        assert (await asking).ok


async def test_nobody_there_is_a_sentence_and_nothing_is_left_to_do(bus: Bus, ipc: IPCManager, bot_id: str) -> None:
    with pytest.raises(CommandTimeoutError, match=r"did not answer ping within 0\.2 s: look at its status"):
        await ipc.send_command(bot_id, Ping(), timeout_s=0.2)
    assert await bus.client.xlen(f"hf:{bot_id}:commands") == 0


async def test_a_stale_command_is_not_carried_out(bus: Bus, ipc: IPCManager, bot_id: str) -> None:
    stale = encode_command(new_id(), Stop(), bus.clock.now() - timedelta(seconds=1), None)
    await bus.client.xadd(f"hf:{bot_id}:commands", stale)
    async with answering(ipc.setup_message_queue(bot_id, unseal=clear), lambda _: {}) as seen:
        await ipc.send_command(bot_id, Ping())
        assert seen == [Ping()]


async def test_a_command_taken_by_a_worker_that_died_is_not_met_again(ipc: IPCManager, bot_id: str) -> None:
    first = ipc.setup_message_queue(bot_id, unseal=clear)
    asking = asyncio.create_task(ipc.send_command(bot_id, Stop(), timeout_s=1.0))
    async for _command_id, command in first.receive():
        assert command == Stop()
        break
    async with answering(ipc.setup_message_queue(bot_id, unseal=clear), lambda _: {}) as seen:
        with pytest.raises(CommandTimeoutError):
            await asking
        assert seen == []


async def test_a_command_that_the_connection_doubled_is_carried_out_once(
    bus: Bus, ipc: IPCManager, bot_id: str
) -> None:
    entry = encode_command(new_id(), Stop(), bus.clock.now() + timedelta(seconds=60), None)
    for _ in range(2):
        await bus.client.xadd(f"hf:{bot_id}:commands", entry)
    async with answering(ipc.setup_message_queue(bot_id, unseal=clear), lambda _: {}) as seen:
        await ipc.send_command(bot_id, Ping())
        assert seen == [Stop(), Ping()]


async def test_a_command_is_answered_once(ipc: IPCManager, bot_id: str) -> None:
    queue = ipc.setup_message_queue(bot_id, unseal=clear)
    asking = asyncio.create_task(ipc.send_command(bot_id, Ping()))
    async for command_id, _command in queue.receive():
        await queue.reply(Response(command_id=command_id, ok=True))
        with pytest.raises(ConflictError, match="answered already"):
            await queue.reply(Response(command_id=command_id, ok=False))
        break
    assert (await asking).ok


async def test_a_login_code_is_never_in_clear_on_the_server(bus: Bus, ipc: IPCManager, bot_id: str) -> None:
    cipher = Cipher(new_data_key())
    asking = asyncio.create_task(
        ipc.send_command(
            bot_id,
            SubmitLoginCode(code=SecretStr("73151")),
            seal=lambda plain: cipher.seal(bot_id, "command", plain),
        )
    )
    entries = await eventually(lambda: bus.client.xrange(f"hf:{bot_id}:commands"))
    assert "73151" not in str(entries)
    queue = ipc.setup_message_queue(bot_id, unseal=lambda sealed: cipher.open(bot_id, "command", sealed))
    async with answering(queue, lambda command: {"length": len(command.code.get_secret_value())}):  # type: ignore[union-attr]
        assert (await asking).data == {"length": 5}


async def test_a_worker_with_another_key_says_so(ipc: IPCManager, bot_id: str) -> None:
    queue = ipc.setup_message_queue(bot_id, unseal=lambda sealed: Cipher(bytes(32)).open(bot_id, "command", sealed))
    async with answering(queue, lambda _: {}) as seen:
        response = await ipc.send_command(
            bot_id,
            SubmitLoginCode(code=SecretStr("1")),
            seal=lambda plain: Cipher(b"k" * 32).seal(bot_id, "command", plain),
        )
        assert not response.ok
        assert "does not understand" in (response.error or "")
        assert seen == []


async def test_rubbish_on_the_stream_stops_nobody(bus: Bus, ipc: IPCManager, bot_id: str) -> None:
    await bus.client.xadd(f"hf:{bot_id}:commands", {"command": "rubbish"})
    await bus.client.xadd(f"hf:{bot_id}:replies", {"response": "rubbish"})
    async with answering(ipc.setup_message_queue(bot_id, unseal=clear), lambda _: {}):
        assert (await ipc.send_command(bot_id, Ping())).ok


async def test_a_reader_ends_whenever_it_is_cancelled(ipc: IPCManager, bot_id: str) -> None:
    queue = ipc.setup_message_queue(bot_id, unseal=clear)
    for turns in range(40):
        async with answering(queue, lambda _: {}):
            await ipc.send_command(bot_id, Ping())
            for _ in range(turns % 8):
                await asyncio.sleep(0)
