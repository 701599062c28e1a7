"""Who is served when: work is serial within a chat, side by side between chats, and begins the moment it is due.

A chat's lane is a task that lives while there is work for it. What wakes it is a message that came in, a due time, or
the sweep, which reads the rows themselves: at the start, and now and then, since a row is a timer and memory is not.
One chat's trouble stays in its lane; only what concerns the whole bot (lease, database, account) ends the worker.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from hanfleet.core.errors import BotFailure, FencedError, StoreUnavailableError
from hanfleet.kit.backoff import Backoff
from hanfleet.kit.logging import get_logger
from hanfleet.store.records import TurnContext
from hanfleet.store.session import Transaction
from hanfleet.worker.desk import Desk
from hanfleet.worker.ledger import Step
from hanfleet.worker.outbox import Postman
from hanfleet.worker.patience import wait_for_either
from hanfleet.worker.timetable import Errand, Timetable
from hanfleet.worker.turn import TurnMaker

TURNS_AT_ONCE = 16
SWEEP_EVERY = timedelta(seconds=15)
_SWEEP_LIMIT = 500
_AFTER_TROUBLE = Backoff(first_s=5.0, longest_s=600.0, jitter=0.0)
_log = get_logger("lanes")


@dataclass
class _Work:
    """What a chat's lane has to do next."""

    turn: bool = False
    send: bool = False
    urgent: bool = False
    context: TurnContext | None = None


class Lanes:
    """The lanes of one bot."""

    def __init__(self, desk: Desk, turns: TurnMaker, postman: Postman) -> None:
        self._desk = desk
        self._turns = turns
        self._postman = postman
        self._slots = asyncio.Semaphore(TURNS_AT_ONCE)
        self._timetable = Timetable()
        self._hurry = asyncio.Event()
        self._sweep_at = desk.clock.now()
        self._work: dict[int, _Work] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._troubles: dict[int, int] = {}
        self._group: asyncio.TaskGroup | None = None

    def arrived(self, chat_id: int, due_at: datetime, *, urgent: bool, context: TurnContext | None = None) -> None:
        """A message came in; its burst is over at ``due_at``. ``context`` was read with it, if it is due at once."""
        if urgent or due_at <= self._desk.clock.now():
            self._timetable.drop(chat_id, Errand.TURN)
            self._wake(chat_id, _Work(turn=True, urgent=urgent, context=context))
        else:
            self._at(chat_id, Errand.TURN, due_at)

    def look_now(self) -> None:
        """Messages can go out again: look at the rows at once."""
        self._sweep_at = self._desk.clock.now()
        self._hurry.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            while True:
                if self._desk.clock.now() >= self._sweep_at:
                    await self._sweep()
                for chat_id, errand in self._timetable.pop_due(self._desk.clock.now()):
                    self._wake(chat_id, _Work(turn=errand is Errand.TURN, send=errand is Errand.SEND))
                self._hurry.clear()
                next_at = min(self._timetable.next_at() or self._sweep_at, self._sweep_at)
                await wait_for_either(self._hurry, (next_at - self._desk.clock.now()).total_seconds(), self._desk.clock)

    async def drain(self, timeout_s: float) -> None:
        """After ``leaving`` was set: wait for the steps under way, at most ``timeout_s`` seconds."""
        tasks = list(self._running.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout_s)
            if late:
                _log.warning("some chats were left in the middle; their rows go on later", chats=len(late))

    def _at(self, chat_id: int, errand: Errand, at: datetime) -> None:
        self._timetable.set(chat_id, errand, at)
        self._hurry.set()

    def _wake(self, chat_id: int, more: _Work) -> None:
        if self._desk.leaving.is_set() or self._group is None:
            return  # the rows are there; the next process begins with a sweep
        work = self._work.setdefault(chat_id, _Work())
        work.turn |= more.turn
        work.send |= more.send
        work.urgent |= more.urgent
        # While the lane is busy, what was read along grows old: a turn after that reads again.
        work.context = None if chat_id in self._running else more.context
        if chat_id not in self._running:
            self._running[chat_id] = self._group.create_task(self._serve(chat_id), name=f"chat {chat_id}")

    async def _serve(self, chat_id: int) -> None:
        try:
            while (work := self._work.pop(chat_id, None)) and not self._desk.leaving.is_set():
                await self._do(chat_id, work)
            self._troubles.pop(chat_id, None)
        except (FencedError, StoreUnavailableError, BotFailure):
            raise
        except Exception:  # noqa: BLE001 - see below
            # Whatever it is, the other chats must not suffer from it, and this one is tried again, ever more rarely.
            self._troubles[chat_id] = self._troubles.get(chat_id, 0) + 1
            pause = _AFTER_TROUBLE.ceiling(self._troubles[chat_id])
            _log.exception("a chat is in trouble", chat_id=chat_id, pause_s=pause)
            for errand in Errand:
                self._at(chat_id, errand, self._desk.clock.now() + timedelta(seconds=pause))
        finally:
            del self._running[chat_id]

    async def _do(self, chat_id: int, work: _Work) -> None:
        head, again_at = None, None
        if work.turn:
            async with self._slots:
                end = await self._turns.take(chat_id, urgent=work.urgent, context=work.context)
            head = end.head
            if end.again_at is not None and not self._timetable.has(chat_id, Errand.TURN):
                self._at(chat_id, Errand.TURN, end.again_at)
        if head is None and work.send:
            head = await self._postman.head(chat_id)
        if head is not None:
            features = self._desk.config.features
            again_at = await self._postman.send_all(head, typing=features.typing, receipts=features.read_receipts)
        if again_at is not None:
            self._at(chat_id, Errand.SEND, again_at)

    async def _sweep(self) -> None:
        """Wake every chat whose rows say that it is due and that nobody serves."""
        now = self._desk.clock.now()
        self._sweep_at = now + SWEEP_EVERY

        async def look(tx: Transaction) -> tuple[list[int], list[int], list[datetime | None]]:
            due = await tx.conversations.due(self._desk.bot_id, now, _SWEEP_LIMIT)
            heads = await tx.outbox.next(self._desk.bot_id, now, _SWEEP_LIMIT)
            times = [await tx.conversations.next_due_at(self._desk.bot_id), await tx.outbox.next_at(self._desk.bot_id)]
            return list(due), [row.chat_id for row in heads], times

        due, unsent, times = await self._desk.ledger.run(Step.DUE, look)
        for chat_id in unsent:
            if chat_id not in self._running and not self._timetable.has(chat_id, Errand.SEND) and self._desk.line.is_up:
                self._wake(chat_id, _Work(send=True))
        for chat_id in due:
            if chat_id not in self._running and not self._timetable.has(chat_id, Errand.TURN):
                self._wake(chat_id, _Work(turn=True))
        self._sweep_at = min([self._sweep_at, *(at for at in times if at is not None and at > now)])
