"""Whatever the order of messages, repeats, crashes, decisions, sends and echoes: nothing lost, nothing doubled."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from hanfleet.core.messages import InboundMessage
from hanfleet.store.records import OutboxKind, OutboxRow, Part, TurnContext, TurnDecision
from hanfleet.store.session import Transaction
from hanfleet.store.texts import text_field
from hanfleet.vault import KeyRing
from tests.integration.store.conversation_steps import NOON, batch, clear, message
from tests.support.database import SEALING_KEY, SYSTEM, BotLogIn, Database, open_database

CHATS = st.integers(min_value=1, max_value=2)
CRASH = st.sampled_from([False, False, True])


class _CrashError(Exception):
    """The worker dies here."""


class _Telegram:
    """The account's side: numbers messages, drops repeated random ids."""

    def __init__(self) -> None:
        self.top = 0
        self.sent: dict[int, InboundMessage] = {}  # by random id

    def number(self) -> int:
        self.top += 1
        return self.top

    def send(self, row: OutboxRow) -> int | None:
        if row.random_id in self.sent:
            return None
        self.sent[row.random_id] = message(self.number(), row.text, chat_id=row.chat_id, outgoing=True)
        return self.top


RING = KeyRing("anna", {1: SEALING_KEY})


def _opened(row: Any) -> str:
    return RING.open(text_field(row["id"]), row["text_sealed"]).decode()


class _World:
    """What outlives the examples: a loop, a database, one bot. Each example talks in chats of its own."""

    def __init__(self, postgres_url: str, folder: Path) -> None:
        self.runner = asyncio.Runner()
        self._opened: AsyncIterator[Database] = open_database(postgres_url, folder)
        self.database: Database = self.run(anext(self._opened))
        # Sealed, for what holds for texts that no query can compare holds for those in clear.
        self.bot: BotLogIn = self.run(self.database.add_bot(sealing=True))
        self.telegram = _Telegram()
        self.next_chat = 0

    def run(self, step: Any) -> Any:
        async def stepped() -> Any:
            return await step

        return self.runner.run(stepped())

    def close(self) -> None:
        with suppress(StopAsyncIteration):
            self.run(anext(self._opened))
        self.runner.close()


@pytest.fixture
def world(postgres_url: str, tmp_path: Path) -> Iterator[_World]:
    opened = _World(postgres_url, tmp_path)
    yield opened
    opened.close()


class Walk(RuleBasedStateMachine):
    world: _World

    def __init__(self) -> None:
        super().__init__()
        self.base = self.world.next_chat
        self.world.next_chat += 10
        self.inbound: dict[int, InboundMessage] = {}
        self.contexts: list[TurnContext] = []
        self.in_flight: list[OutboxRow] = []
        self.decided: dict[tuple[int, int], set[int]] = {}  # what each turn was decided on
        self.chats: set[int] = set()

    def _transact(self, work: Any, *, crash: bool) -> Any:
        bot = self.world.bot

        async def transaction() -> Any:
            async with bot.store.transaction(bot.principal) as tx:
                result = await work(tx)
                if crash:
                    raise _CrashError
                return result

        step: Coroutine[Any, Any, Any] = transaction()
        try:
            return self.world.run(step)
        except _CrashError:
            self.die()
            return None

    @initialize()
    def meet(self) -> None:
        """Two people have written already, so that every step after this can bear on something."""
        for chat in (1, 2, 1):
            self.write(chat)
        self._transact(self._take(*self.inbound.values()), crash=False)
        self.load(1)

    @rule(chat=CHATS, at_once=st.booleans())
    def write(self, chat: int, at_once: bool = False) -> None:
        """A contact writes; the update comes now, or in some later batch."""
        telegram_id = self.world.telegram.number()
        self.inbound[telegram_id] = message(telegram_id, f"#{telegram_id}", chat_id=self.base + chat)
        self.chats.add(self.base + chat)
        if at_once:
            self._transact(self._take(self.inbound[telegram_id]), crash=False)

    @rule(data=st.data(), crash=CRASH)
    def deliver(self, data: st.DataObject, crash: bool) -> None:
        """Any messages in any order, delivered before or not, and echoes of what we sent."""
        ours = [echo for echo in self.world.telegram.sent.values() if echo.chat_id in self.chats]
        pool = [*self.inbound.values(), *ours]
        chosen = data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=4))
        self._transact(self._take(*chosen), crash=crash)

    def _take(self, *messages: InboundMessage) -> Any:
        async def work(tx: Transaction) -> Any:
            taken = await tx.inbox.take("anna", batch(*messages), NOON, 0, clear)
            assert not taken.taken_over
            return taken

        return work

    @rule(chat=CHATS)
    def load(self, chat: int) -> None:
        async def work(tx: Transaction) -> Any:
            return await tx.conversations.load_turn("anna", self.base + chat, 5)

        context = self._transact(work, crash=False)
        if context is not None and context.conversation.reply_due_at is not None:
            self.contexts.append(context)

    @precondition(lambda self: self.contexts)
    @rule(data=st.data(), parts=st.integers(min_value=0, max_value=2), crash=CRASH)
    def decide(self, data: st.DataObject, parts: int, crash: bool) -> None:
        """Any context that the worker has in memory, also one it decided on already."""
        self._decide(data.draw(st.sampled_from(self.contexts)), parts, crash=crash)

    def _decide(self, context: TurnContext, count: int, *, crash: bool) -> None:
        parts = [
            Part(OutboxKind.REPLY, f"{len(self.decided)}/{place} to {context.newest_inbound}") for place in range(count)
        ]
        if parts and context.contact.disclosed_at is None and not context.disclosure_pending:
            parts.insert(0, Part(OutboxKind.DISCLOSURE, "I am an AI."))
        decision = TurnDecision(context.contact.chat_id, context.newest_inbound, tuple(parts))

        async def work(tx: Transaction) -> Any:
            return await tx.turns.commit("anna", decision)

        if self._transact(work, crash=crash):
            known = {entry.telegram_id or 0 for entry in context.fresh}
            self.decided.setdefault((context.contact.chat_id, context.newest_inbound), known)

    @rule(crash=CRASH)
    def start_sending(self, crash: bool) -> None:
        """The head row of each chat; a crash between the mark and the send is `die`."""
        for row in self._heads():

            async def work(tx: Transaction, row: OutboxRow = row) -> Any:
                return await tx.outbox.mark_sending("anna", row.id, NOON)

            if self._transact(work, crash=crash):
                self.in_flight.append(row)

    def _heads(self) -> list[OutboxRow]:
        async def work(tx: Transaction) -> Any:
            return await tx.outbox.next("anna", NOON + timedelta(days=1), 1000)

        return [row for row in self._transact(work, crash=False) if row.chat_id in self.chats]

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), crash=CRASH)
    def send(self, data: st.DataObject, crash: bool) -> None:
        """Telegram takes it; with ``crash`` the answer is lost with the worker."""
        row = data.draw(st.sampled_from(self.in_flight))
        telegram_id = self.world.telegram.send(row)

        async def work(tx: Transaction) -> Any:
            return await tx.outbox.mark_sent("anna", row.id, telegram_id, NOON)

        self._transact(work, crash=crash)

    @rule(chat=CHATS, crash_at=st.integers(min_value=0, max_value=6), echo=st.booleans())
    def work(self, chat: int, crash_at: int, echo: bool) -> None:
        """A worker's whole way through one chat, cut at some step; the echo may come before the next worker's."""
        self.die()
        self.load(chat)
        for context in list(self.contexts):
            self._decide(context, 1, crash=crash_at == 1)
        for head in self._heads()[: 0 if crash_at == 2 else 1]:

            async def mark(tx: Transaction, row: OutboxRow = head) -> Any:
                return await tx.outbox.mark_sending("anna", row.id, NOON)

            self._transact(mark, crash=crash_at == 3)
            if crash_at > 3:
                telegram_id = self.world.telegram.send(head)
                if crash_at > 4:
                    self._transact(self._sent(head, telegram_id), crash=crash_at == 5)
                if echo:
                    self._transact(self._take(self.world.telegram.sent[head.random_id]), crash=False)

    @rule()
    def die(self) -> None:
        self.contexts.clear()
        self.in_flight.clear()

    def teardown(self) -> None:
        self._drain()
        self.world.run(self._judge())

    def _drain(self) -> None:
        if self.inbound:
            self._transact(self._take(*self.inbound.values()), crash=False)
        for _ in range(100):
            self.die()
            for chat in (1, 2):
                self.load(chat)
            for context in list(self.contexts):
                self._decide(context, 1, crash=False)
            self.start_sending(crash=False)
            if not self.in_flight:
                return
            for row in self.in_flight:
                self._transact(self._sent(row, self.world.telegram.send(row)), crash=False)
        raise AssertionError("the outbox does not become empty")

    def _sent(self, row: OutboxRow, telegram_id: int | None) -> Any:
        async def work(tx: Transaction) -> Any:
            await tx.outbox.mark_sent("anna", row.id, telegram_id, NOON)

        return work

    async def _judge(self) -> None:
        raw = await self.world.database.connect()
        mine = "bot_id = 'anna' AND chat_id = ANY($1::bigint[])"
        chats = list(self.chats)
        kept = await raw.fetch(f"SELECT * FROM messages WHERE {mine} AND direction = 'in'", chats)
        assert sorted(row["telegram_id"] for row in kept) == sorted(self.inbound)
        assert not any(row["waiting"] for row in kept)
        turns = await raw.fetch(f"SELECT * FROM turns WHERE {mine}", chats)
        for turn in turns:
            answered = {row["telegram_id"] for row in kept if row["turn_id"] == turn["id"]}
            assert answered == self.decided[turn["chat_id"], turn["newest_inbound"]]
        assert {row["turn_id"] for row in kept} <= {turn["id"] for turn in turns}

        outbox = await raw.fetch(f"SELECT * FROM outbox WHERE {mine} ORDER BY position", chats)
        assert {row["state"] for row in outbox} <= {"sent"}
        seen = [echo for echo in self.world.telegram.sent.values() if echo.chat_id in self.chats]
        for chat in chats:
            decided = [_opened(row) for row in outbox if row["chat_id"] == chat]
            arrived = [echo.text for echo in sorted(seen, key=lambda echo: echo.telegram_id) if echo.chat_id == chat]
            assert sorted(arrived) == sorted(decided)
            replies = [text for text in decided if text != "I am an AI."]
            assert [text for text in arrived if text != "I am an AI."] == replies
            assert arrived[:1] in ([], ["I am an AI."])

        async with self.world.database.supervisor.transaction(SYSTEM) as tx:
            events = await tx.events.list(bot_id="anna", limit=100_000)
        assert sorted(event.seq or 0 for event in events) == list(range(1, len(events) + 1))
        received = [
            event for event in events if event.type == "user.message.received" and event.data["chat_id"] in chats
        ]
        assert len(received) == len(self.inbound)
        sent = [event for event in events if event.type == "user.message.sent" and event.data["chat_id"] in chats]
        assert len(sent) == len(outbox)
        await raw.close()


@pytest.mark.timeout(300)
def test_every_interleaving_answers_each_message_once(world: _World) -> None:
    Walk.world = world
    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
