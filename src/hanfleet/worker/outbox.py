"""Sending what was decided: pace, typing, send with the row's ``random_id``, mark sent (walk 1, step 5).

A row is marked as being sent before it leaves, and goes out again with the same ``random_id`` when nobody knows what
became of it: Telegram drops the second. How long Telegram remembers is not documented, so an old row is looked for
in the history first, where the account may. Refuses to decide anything: text and waits stand in the row.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from hanfleet.core.errors import BotFailure, HanfleetError, PermanentError, TemporaryError
from hanfleet.kit.backoff import Backoff
from hanfleet.kit.logging import get_logger
from hanfleet.store.records import OutboxKind, OutboxRow, OutboxState
from hanfleet.store.session import Transaction
from hanfleet.transports import Transport
from hanfleet.worker.desk import Desk
from hanfleet.worker.ledger import Step
from hanfleet.worker.patience import pause_after, wait_for_either

OLD_AFTER = timedelta(minutes=5)
"""An attempt older than this may have been forgotten by Telegram."""

_HISTORY_LOOK = 100
_TYPING_LASTS_S = 5.0
#: A connection comes back silently, so the pauses stay short: an attempt without one costs nothing.
_RETRIES = Backoff(first_s=0.1, longest_s=2.0, jitter=0.5)
_KEPT_FROM_S = 5.0
_log = get_logger("outbox")


async def _begin(tx: Transaction, bot_id: str, row: OutboxRow, now: datetime) -> OutboxRow | None:
    """The row as one that is being sent; None when it was cancelled meanwhile."""
    if not await tx.outbox.mark_sending(bot_id, row.id, now):
        return None
    return OutboxRow(**{**vars(row), "state": OutboxState.SENDING, "first_attempt_at": row.first_attempt_at or now})


def _due(row: OutboxRow) -> datetime:
    """When a part's planned waits are over; they count from the decision, so a restart does not repeat them."""
    return row.created_at + timedelta(milliseconds=row.read_wait_ms + row.typing_ms)


class Postman:
    """Sends the rows of one bot, one at a time per chat."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._failures = 0
        self._asides: set[asyncio.Task[None]] = set()

    async def head(self, chat_id: int) -> OutboxRow | None:
        """The chat's next row that is ready, marked as being sent when it may go at once."""
        bot_id, now = self._desk.bot_id, self._desk.clock.now()
        return await self._desk.ledger.run(Step.HEAD, lambda tx: tx.outbox.take_head(bot_id, chat_id, now))

    async def send_all(self, row: OutboxRow | None, *, typing: bool, receipts: bool) -> datetime | None:
        """Send ``row`` and all that follows it in its chat. Gives when to try again, where something has to wait.

        A leaving worker still sends what is marked as being sent, and begins nothing that has to wait.
        """
        while row is not None:
            if row.state is OutboxState.PENDING:
                row = await self._paced(row, typing=typing)
                if row is None:
                    return self._desk.clock.now()
            elif row.attempts and _is_old(row, self._desk.clock.now()) and await self._settled(row):
                row = await self.head(row.chat_id)
                continue
            try:
                transport = self._desk.line.transport
                sent = await transport.send_text(row.chat_id, row.text, row.random_id)
            except TemporaryError as busy:
                return await self._put_off(row, busy)
            except BotFailure as lost:
                # Whether the session can be mended is decided where it is kept; the row waits for that.
                return await self._put_off(row, TemporaryError(str(lost)))
            except PermanentError as refused:
                row = await self._give_up(row, refused)
                continue
            self._failures = 0
            if receipts and row.part == 0 and row.answers:
                self._aside(transport.mark_read(row.chat_id, row.answers))
            row = await self._done(row, sent.telegram_id)
        return None

    async def finish_asides(self) -> None:
        """Wait for what went out beside the messages: marks of reading and typing."""
        if self._asides:
            await asyncio.wait(self._asides)

    async def _paced(self, row: OutboxRow, *, typing: bool) -> OutboxRow | None:
        """Wait as planned, then mark the row as being sent. None: the worker is leaving, or the row was cancelled."""
        begins = row.created_at + timedelta(milliseconds=row.read_wait_ms)
        await self._wait_until(begins)
        while not self._desk.leaving.is_set() and (left := self._left(_due(row))) > 0:
            if typing and row.kind is not OutboxKind.DISCLOSURE:
                with suppress(TemporaryError):  # away for the moment: then nobody sees us type
                    self._aside(self._desk.line.transport.set_typing(row.chat_id))
            await self._wait_until(self._desk.clock.now() + timedelta(seconds=min(left, _TYPING_LASTS_S)))
        if self._desk.leaving.is_set():
            return None
        now, waiting = self._desk.clock.now(), row
        return await self._desk.ledger.run(Step.SENDING, lambda tx: _begin(tx, self._desk.bot_id, waiting, now))

    async def _wait_until(self, moment: datetime) -> None:
        """Until then, or until the worker leaves."""
        await wait_for_either(self._desk.leaving, self._left(moment), self._desk.clock)

    def _left(self, moment: datetime) -> float:
        return (moment - self._desk.clock.now()).total_seconds()

    async def _done(self, row: OutboxRow, telegram_id: int | None) -> OutboxRow | None:
        """Mark it sent; gives the chat's next row."""
        now = self._desk.clock.now()

        async def mark(tx: Transaction) -> OutboxRow | None:
            await tx.outbox.mark_sent(self._desk.bot_id, row.id, telegram_id, now)
            return await tx.outbox.take_head(self._desk.bot_id, row.chat_id, self._desk.clock.now())

        self._count(row)
        return await self._desk.ledger.run(Step.SENT, mark)

    def _count(self, row: OutboxRow) -> None:
        self._desk.tally.messages_out += 1
        _log.info("sent", chat_id=row.chat_id, kind=row.kind, part=row.part)
        arrived = self._desk.arrivals.pop(row.chat_id, None) if row.kind is not OutboxKind.DISCLOSURE else None
        if arrived is not None:
            planned_ms = row.merge_wait_ms + row.read_wait_ms + row.typing_ms
            passed_ms = (self._desk.clock.monotonic() - arrived) * 1000
            self._desk.tally.answer_latency_ms = max(0.0, passed_ms - planned_ms)

    async def _put_off(self, row: OutboxRow, busy: TemporaryError) -> datetime:
        """Try the same row again later. Nobody knows whether it went out, so it stays marked as being sent."""
        self._failures += 1
        pause = pause_after(busy, self._failures, _RETRIES, self._desk.chance)
        again_at = self._desk.clock.now() + timedelta(seconds=pause)
        _log.info("a message waits", chat_id=row.chat_id, reason=str(busy), pause_s=round(pause, 2))
        if pause > _KEPT_FROM_S:
            # A limit of Telegram's must survive us: the next process may not try before, either.
            await self._desk.ledger.run(
                Step.SETTLE, lambda tx: tx.outbox.reschedule(self._desk.bot_id, row.id, again_at, error=str(busy))
            )
        return again_at

    async def _give_up(self, row: OutboxRow, refused: PermanentError) -> OutboxRow | None:
        _log.warning("a message can never be sent", chat_id=row.chat_id, reason=str(refused))
        now = self._desk.clock.now()

        async def settle(tx: Transaction) -> OutboxRow | None:
            await tx.outbox.mark_failed(self._desk.bot_id, row.id, str(refused), now)
            return await tx.outbox.take_head(self._desk.bot_id, row.chat_id, now)

        return await self._desk.ledger.run(Step.SETTLE, settle)

    async def _settled(self, row: OutboxRow) -> bool:
        """True when the history shows that an old attempt arrived, and it is marked so now."""
        try:
            transport: Transport = self._desk.line.transport
            said = await transport.history(row.chat_id, _HISTORY_LOOK)
        except HanfleetError:
            return False  # bots may not look; then Telegram's memory of the random id has to do
        since = (row.first_attempt_at or row.created_at) - timedelta(seconds=2)
        same = [one for one in said if one.outgoing and one.text.strip() == row.text.strip() and one.sent_at >= since]

        async def settle(tx: Transaction) -> bool:
            known = {
                message.telegram_id for message in await tx.messages.list(self._desk.bot_id, row.chat_id, limit=500)
            }
            found = next((one.telegram_id for one in same if one.telegram_id not in known), None)
            if found is not None:
                await tx.outbox.mark_sent(self._desk.bot_id, row.id, found, self._desk.clock.now())
            return found is not None

        return bool(same) and await self._desk.ledger.run(Step.SETTLE, settle)

    def _aside(self, courtesy: Coroutine[Any, Any, None]) -> None:
        """Do it beside the message; a courtesy that fails is none the less over."""

        async def carry_out() -> None:
            with suppress(HanfleetError):
                await courtesy

        task = asyncio.create_task(carry_out())
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)


def _is_old(row: OutboxRow, now: datetime) -> bool:
    return row.first_attempt_at is not None and now - row.first_attempt_at > OLD_AFTER
