"""Simulated contacts against the offline Telegram: their ledgers tell the truth, whatever happens in between."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from telethon import errors
from telethon.events.newmessage import NewMessage

from hanfleet.kit.clock import SystemClock
from hanfleet.sandbox.contacts import BRISK, CAST, ContactSimulator, Crowd, Meeting, SaidLine, Verdict, judge
from hanfleet.sandbox.contacts.chat import Chat
from hanfleet.sandbox.contacts.desk import Desk, DeskClosedError
from hanfleet.sandbox.contacts.line import Line
from hanfleet.sandbox.llm.nonces import find_nonces
from tests.support.sandbox import SandboxHandle, logged_in, running_sandbox, sandbox_process
from tests.support.waiting import eventually

_new_message: Any = NewMessage  # Telethon carries no types
_telethon_errors: Any = errors
_CLOCK = SystemClock()
_PIP, _TIMOSHA = CAST[0], CAST[6]


@pytest_asyncio.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxHandle]:
    async with running_sandbox(tmp_path) as handle:
        yield handle


class EchoBot:
    """A user account that answers every message once, whatever happens to the server meanwhile."""

    def __init__(self, desk: Desk, phone: str) -> None:
        self._line = Line(desk.address, phone, desk, _CLOCK, self._take)
        self._desk = desk
        self._seen: set[int] = set()
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._chats: dict[int, Chat] = {}

    def _take(self, message: Any) -> None:
        if message.id not in self._seen:
            self._seen.add(message.id)
            self._inbox.put_nowait(message)

    async def run(self) -> None:
        await self._line.open()
        while True:
            message = await self._inbox.get()
            if message.sender_id not in self._chats:
                self._chats[message.sender_id] = await self._chat_with(message.sender_id)
            text = f"echo {' '.join(find_nonces(message.message))}"
            await self._chats[message.sender_id].send(text, random.getrandbits(62) + 1, lambda: False)

    async def _chat_with(self, user_id: int) -> Chat:
        while True:
            try:
                handle = await self._desk.handle_of(user_id)
            except DeskClosedError:
                await asyncio.sleep(0.05)
                continue
            return Chat(self._line, await self._line.resolve(handle), _CLOCK)

    async def close(self) -> None:
        await self._line.close()
        await self._desk.close()


@asynccontextmanager
async def _echo_bot(handle: SandboxHandle) -> AsyncIterator[dict[str, Any]]:
    account = await handle.account(first_name="Echo", username="echo_account")
    bot = EchoBot(Desk(handle.info), account["phone"])
    running = asyncio.create_task(bot.run())
    try:
        yield account
    finally:
        running.cancel()
        (ended,) = await asyncio.gather(running, return_exceptions=True)
        await bot.close()
        assert isinstance(ended, asyncio.CancelledError), ended


@asynccontextmanager
async def _token_bot(
    handle: SandboxHandle, answer: Callable[[Any], Awaitable[None]], username: str = "token_bot"
) -> AsyncIterator[dict[str, Any]]:
    account = await handle.account("bot", "Tok", username=username)
    client = await logged_in(handle, account)
    client.add_event_handler(answer, _new_message(incoming=True))
    try:
        yield account
    finally:
        await client.disconnect()


def _crowd(handle: SandboxHandle, target: str | int, number: int = 2, **options: Any) -> Crowd:
    meetings = [Meeting(CAST[at % len(CAST)], target, "bot") for at in range(number)]
    return Crowd(handle.info, meetings, rng=random.Random(11), clock=_CLOCK, pacing=BRISK, **options)


async def _nothing_was_doubled_by_contacts(handle: SandboxHandle, account_id: int) -> None:
    """Read from the bot's box: every nonce came in exactly once."""
    box = await handle.messages(account_id, limit=10_000)
    nonces = [nonce for message in box if not message["out"] for nonce in find_nonces(message["text"])]
    assert len(nonces) == len(set(nonces)) > 0


async def _chat_through(
    handle: SandboxHandle,
    crowd: Crowd,
    trouble: Callable[[], Coroutine[Any, Any, Any]] | None = None,
    messages: int = 12,
) -> Verdict:
    async with crowd:
        if trouble is not None:
            await eventually(lambda: crowd.replies >= 2, within=20)
            await trouble()
        enough = crowd.sent + messages
        await eventually(lambda: crowd.sent >= enough, within=40, what="more messages")
        return judge(await crowd.finish(within=10, settle=0.2))


def _more_than(crowd: Crowd, replies: int) -> bool:
    return crowd.replies > replies


async def test_everything_is_answered_once_and_timed(sandbox):
    async with _echo_bot(sandbox) as account:
        verdict = await _chat_through(sandbox, _crowd(sandbox, "echo_account", 3))
        await _nothing_was_doubled_by_contacts(sandbox, account["id"])
    bot = verdict.of("bot")
    assert (bot.lost, bot.doubled, bot.strange, verdict.unread) == ((), (), (), ())
    assert bot.received == bot.answered >= 12
    assert len(bot.answers) == bot.answered
    assert all(0 < answer.latency_s < 2 for answer in bot.answers)
    assert {answer.contact_id for answer in bot.answers} <= {
        one["id"] for one in (await sandbox.control.get("/accounts")).json()
    }


async def test_a_bot_token_is_greeted_with_start_and_lines_can_be_watched(sandbox):
    async def answer(event: Any) -> None:
        await event.respond(f"got {' '.join(find_nonces(event.raw_text))}")

    seen: list[SaidLine] = []
    async with _token_bot(sandbox, answer):
        verdict = await _chat_through(sandbox, _crowd(sandbox, "token_bot", 1, on_line=seen.append), messages=3)
    assert (verdict.lost, verdict.doubled) == (0, 0)
    assert seen[0].author == "contact"
    assert seen[0].text.startswith("/start #")
    assert not any(line.text.startswith("/start") for line in seen[1:])
    assert {line.author for line in seen} == {"contact", "bot"}


async def test_an_account_is_found_by_its_id_and_an_unknown_name_is_an_error(sandbox):
    async with _echo_bot(sandbox) as account:
        assert (await _chat_through(sandbox, _crowd(sandbox, account["id"], 1), messages=2)).lost == 0
    nameless = await sandbox.account(first_name="Nobody")
    options: Any = {"rng": random.Random(1), "clock": _CLOCK}
    async with ContactSimulator(sandbox.info, _PIP, nameless["id"], **options):
        pass
    with pytest.raises(_telethon_errors.UsernameNotOccupiedError):
        async with ContactSimulator(sandbox.info, _PIP, "nobody_at_all", **options):
            pass
    crowd = _crowd(sandbox, "nobody_at_all")
    with pytest.raises(ExceptionGroup):
        await crowd.__aenter__()
    with pytest.raises(RuntimeError, match="start"):
        await ContactSimulator(sandbox.info, _PIP, "echo_account", **options).collect()


async def test_the_judge_sees_what_is_lost_doubled_and_strange(sandbox):
    async def answer(event: Any) -> None:
        nonces = find_nonces(event.raw_text)
        if event.raw_text.startswith("/start"):
            return
        await event.respond(f"once {' '.join(nonces)}")
        await event.respond(f"twice {' '.join(nonces)} #00000000")

    async with _token_bot(sandbox, answer), AsyncExitStack() as stack:
        contact = await stack.enter_async_context(
            ContactSimulator(
                sandbox.info,
                _TIMOSHA,
                "token_bot",
                bot="bad",
                rng=random.Random(2),
                clock=_CLOCK,
                pacing=replace(BRISK, patience=(0.3, 0.5)),
            )
        )
        running = asyncio.create_task(contact.run())
        await eventually(lambda: contact.sent >= 3, within=20)
        await contact.stop_sending()
        await running
        bad = judge([await contact.collect(within=0.5)]).of("bad")
    assert len(bad.lost) == 1
    assert len(bad.doubled) == bad.received - 1 == bad.answered
    assert bad.strange == ("#00000000",)


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "cut_after", "method": "messages.sendMessage", "count": 3},
        {"fault": "cut_before", "method": "messages.sendMessage", "count": 3},
        {"fault": "no_answer", "method": "messages.sendMessage", "count": 1},
        {"fault": "rpc_error", "method": "messages.sendMessage", "error_message": "FLOOD_WAIT_1", "count": 2},
        {"fault": "rpc_error", "method": "messages.sendMessage", "error_message": "PEER_FLOOD", "count": 2},
        {"fault": "rpc_error", "method": "messages.sendMessage", "error_code": 500, "error_message": "RPC_CALL_FAIL", "count": 2},
        {"fault": "suppress_pushes", "count": 4},
        {"fault": "drop_connections"},
        {"fault": "rotate_salt"},
        {"fault": "forget_key"},
        {"fault": "rpc_error", "error_message": "AUTH_KEY_UNREGISTERED", "count": 1},
    ],
    ids=lambda fault: f"{fault['fault']}-{fault.get('error_message', '')}",
)  # fmt: skip
async def test_no_fault_makes_a_contact_lose_or_repeat_anything(sandbox, fault):
    async with _echo_bot(sandbox) as account:
        people: list[int] = []

        async def trouble() -> None:
            accounts = (await sandbox.control.get("/accounts")).json()
            people.extend(one["id"] for one in accounts if one["id"] != account["id"])
            for contact_id in people:
                await sandbox.fault(account_id=contact_id, **fault)

        verdict = await _chat_through(sandbox, _crowd(sandbox, "echo_account"), trouble)
        await _nothing_was_doubled_by_contacts(sandbox, account["id"])
    assert (verdict.lost, verdict.doubled, verdict.unread) == (0, 0, ())
    assert people


async def test_a_line_fetches_after_a_reconnect_what_it_missed(sandbox):
    person, friend = await sandbox.account(first_name="Ann"), await sandbox.account(first_name="Ben")
    desk = Desk(sandbox.info)
    arrived: list[str] = []
    line = Line(desk.address, person["phone"], desk, _CLOCK, lambda message: arrived.append(message.message))
    try:
        await line.open()
        await sandbox.fault("suppress_pushes", account_id=person["id"])
        await sandbox.control.post(f"/accounts/{friend['id']}/messages", json={"to": person["id"], "text": "psst"})
        assert (await sandbox.control.get("/faults")).json() == []
        await sandbox.fault("drop_connections", account_id=person["id"])
        await eventually(lambda: arrived == ["psst"], within=10)
    finally:
        await line.close()
        await desk.close()


async def test_a_killed_sandbox_delays_contacts_and_nothing_else(tmp_path):
    async with sandbox_process(tmp_path / "sandbox") as (process, handle), _echo_bot(handle) as account:

        async def kill_twice() -> None:
            for _ in range(2):
                await process.kill()
                await process.start()
                before = crowd.replies
                await eventually(partial(_more_than, crowd, before), within=20, what="life after the kill")

        crowd = _crowd(handle, "echo_account", 3)
        verdict = await _chat_through(handle, crowd, kill_twice)
        await _nothing_was_doubled_by_contacts(handle, account["id"])
        assert (verdict.lost, verdict.doubled, verdict.unread) == (0, 0, ())
        assert (await handle.stats())["max_connections_per_auth_key"] == 1


async def test_the_control_interface_settles_what_the_own_line_cannot(sandbox):
    async with _echo_bot(sandbox):
        crowd = _crowd(sandbox, "echo_account", 1)
        async with crowd:
            await eventually(lambda: crowd.replies >= 2, within=20)
            for contact in crowd.contacts:
                await contact.stop_sending()
            await sandbox.fault("rpc_error", method="messages.getHistory", error_message="PEER_ID_INVALID", count=100)
            verdict = judge(await crowd.finish(within=5))
    assert (verdict.lost, verdict.unread) == (0, ())


async def test_without_any_reading_the_ledger_says_so(sandbox):
    async with _echo_bot(sandbox):
        crowd = _crowd(sandbox, "echo_account", 1)
        async with crowd:
            await eventually(lambda: crowd.replies >= 1, within=20)
            (contact,) = crowd.contacts
            await contact.stop_sending()
            await sandbox.fault("rpc_error", method="messages.getHistory", error_message="PEER_ID_INVALID", count=100)
            await contact._desk.close()
            contact._desk = Desk({**sandbox.info, "control_url": "http://127.0.0.1:1"})
            verdict = judge(await crowd.finish(within=2))
    assert verdict.unread == (contact.person.name,)
