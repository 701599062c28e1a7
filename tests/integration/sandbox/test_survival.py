"""The sandbox dies and comes back: kill -9 in the middle of traffic loses nothing that was acknowledged."""

import asyncio
import contextlib
import signal
from functools import partial
from pathlib import Path
from typing import Any

from telethon import errors
from telethon.events.newmessage import NewMessage
from telethon.tl import functions

from tests.support.sandbox import SandboxHandle, logged_in, sandbox_process, session_of, telethon_client
from tests.support.waiting import eventually

NEW_MESSAGE: Any = NewMessage


def _reached(things: list[str], count: int) -> bool:
    return len(things) >= count


async def test_kill_nine_in_mid_traffic_loses_nothing_acknowledged(tmp_path: Path) -> None:
    async with sandbox_process(tmp_path / "sandbox") as (process, handle):
        ann, ben = await handle.account(), await handle.account(first_name="Ben", username="ben_t")
        sender, receiver = await logged_in(handle, ann), await logged_in(handle, ben, catch_up=True)
        peer = await sender.get_input_entity("ben_t")
        seen: list[str] = []

        async def note(event: Any) -> None:
            seen.append(event.raw_text)

        receiver.add_event_handler(note, NEW_MESSAGE(incoming=True))
        acknowledged: list[str] = []

        async def send(number: int) -> None:
            request = functions.messages.SendMessageRequest(peer, f"m{number}", random_id=1000 + number)
            # A duplicate means that it was executed and the answer died with the server.
            with contextlib.suppress(errors.RandomIdDuplicateError):
                await sender._sender.send(request)
            acknowledged.append(f"m{number}")

        async def stream() -> None:
            for number in range(0, 240, 8):
                await asyncio.gather(*(send(n) for n in range(number, number + 8)))

        streaming = asyncio.create_task(stream())
        for at in (40, 120):
            await eventually(partial(_reached, acknowledged, at), within=20)
            before = dict(handle.info)
            await process.kill()
            await process.start()
            assert handle.info == before
        await asyncio.wait_for(streaming, 60)
        assert sorted(m["text"] for m in await handle.messages(ben["id"])) == sorted(acknowledged)
        assert len(acknowledged) == 240
        await receiver.get_me()
        await receiver.catch_up()
        await eventually(lambda: len(seen) >= 240, within=20)
        assert len(seen) == len(set(seen)) == 240
        stats = await handle.stats()
        assert stats["max_connections_per_auth_key"] == 1
        assert stats["messages_sent"] == 240
        await sender.disconnect()
        await receiver.disconnect()


async def test_keys_marks_codes_and_counters_survive(tmp_path: Path) -> None:
    async with sandbox_process(tmp_path / "sandbox") as (process, handle):
        ann, ben = await handle.account(username="ann_t"), await handle.account(first_name="Ben", password="pw")
        user = await logged_in(handle, ann)
        saved = session_of(user)
        await handle.control.post(f"/accounts/{ben['id']}/messages", json={"to": ann["id"], "text": "read me"})
        await user.send_read_acknowledge(await user.get_input_entity((await user.get_dialogs())[0].id))
        await user.disconnect()
        waiting = telethon_client(handle.info)
        await waiting.connect()
        await waiting.send_code_request(ben["phone"])
        code = await handle.code(ben["phone"])
        state = await _facts(handle, ann["id"])
        await process.kill()
        await process.start()
        assert await _facts(handle, ann["id"]) == state
        assert await handle.code(ben["phone"]) == code
        again = telethon_client(handle.info, saved)
        await again.connect()
        assert (await again.get_me()).id == ann["id"]
        await again.disconnect()
        await waiting.disconnect()


async def _facts(handle: SandboxHandle, account_id: int) -> Any:
    stats = await handle.stats()
    keys = [(key["key_id"], key["account_id"], key["layer"], key["max_connections"]) for key in stats["auth_keys"]]
    boxes = await handle.messages(account_id)
    dialogs = (await handle.control.get(f"/accounts/{account_id}/dialogs")).json()
    accounts = (await handle.control.get("/accounts")).json()
    return sorted(keys), boxes, dialogs, accounts, stats["messages_sent"]


async def test_sigterm_ends_it_politely(tmp_path: Path) -> None:
    async with sandbox_process(tmp_path / "sandbox") as (process, handle):
        user = await logged_in(handle, await handle.account())
        assert await process.end(signal.SIGTERM) == 0
        await process.start()
        assert await user.get_me()
        assert await process.end(signal.SIGINT) == 0
        await user.disconnect()
