"""Sending a row of which nobody knows what became of it."""

import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from hanfleet.core.errors import BotFailure, InvalidInputError, PermanentError, TemporaryError
from hanfleet.core.failures import FailureKind
from hanfleet.core.messages import InboundMessage, Person, SentMessage
from hanfleet.kit.clock import ManualClock
from hanfleet.store.records import OutboxKind, OutboxRow, OutboxState
from hanfleet.worker.desk import Desk
from hanfleet.worker.line import Line
from hanfleet.worker.outbox import OLD_AFTER, Postman
from tests.unit.worker.contexts import config, message


class Rows:
    """A ledger that remembers what was marked."""

    def __init__(self, known: tuple[int, ...] = ()) -> None:
        self.marked: list[tuple[str, Any]] = []
        self._known = [message("", telegram_id) for telegram_id in known]

    async def run(self, _step: Any, fn: Callable[[Any], Awaitable[Any]]) -> Any:
        outbox = SimpleNamespace(
            take_head=self._nothing, mark_sent=self._sent, mark_failed=self._failed, reschedule=self._reschedule
        )
        return await fn(SimpleNamespace(outbox=outbox, messages=SimpleNamespace(list=self._list)))

    async def _nothing(self, *_: Any) -> None:
        return None

    async def _list(self, *_: Any, **__: Any) -> list[Any]:
        return self._known

    async def _sent(self, _bot: str, _id: Any, telegram_id: int | None, _now: Any) -> None:
        self.marked.append(("sent", telegram_id))

    async def _failed(self, _bot: str, _id: Any, error: str, _now: Any) -> None:
        self.marked.append(("failed", error))

    async def _reschedule(self, _bot: str, _id: Any, at: Any, **_: Any) -> None:
        self.marked.append(("later", at))


class ScriptedTransport:
    """Answers each send with what was scripted, and has a history."""

    is_connected = True

    def __init__(self, *answers: Any, history: Any = ()) -> None:
        self.sent: list[int] = []
        self._answers = list(answers)
        self._history = history

    async def send_text(self, _chat: int, _text: str, random_id: int) -> SentMessage:
        self.sent.append(random_id)
        answer = self._answers.pop(0) if self._answers else SentMessage(99)
        if isinstance(answer, Exception):
            raise answer
        return SentMessage(answer.telegram_id)

    async def history(self, _chat: int, _limit: int) -> Any:
        if isinstance(self._history, Exception):
            raise self._history
        return self._history


CLOCK = ManualClock()


def row(minutes_ago: float) -> OutboxRow:
    tried = CLOCK.now() - timedelta(minutes=minutes_ago)
    return OutboxRow(
        id=uuid.uuid4(),
        bot_id="mia",
        chat_id=7,
        turn_id=None,
        part=0,
        position=1,
        kind=OutboxKind.REPLY,
        text="Hello",
        random_id=4711,
        state=OutboxState.SENDING,
        merge_wait_ms=0,
        read_wait_ms=0,
        typing_ms=0,
        attempts=1,
        first_attempt_at=tried,
        not_before=None,
        telegram_id=None,
        sent_at=None,
        error=None,
        created_at=tried,
    )


def said(telegram_id: int, text: str = "Hello", *, outgoing: bool = True) -> InboundMessage:
    return InboundMessage(7, telegram_id, text, CLOCK.now(), Person(7), outgoing=outgoing)


def postman(rows: Rows, transport: ScriptedTransport) -> Postman:
    anything: Any = rows
    wire: Any = transport
    nobody: Any = None
    line = Line(lambda: True)
    line.open(wire)
    return Postman(Desk("mia", config(), nobody, anything, line, CLOCK, random.Random(1)))


async def test_a_young_row_goes_out_again_with_its_random_id():
    rows, transport = Rows(), ScriptedTransport(SentMessage(None, duplicate=True), history=[said(5)])
    await postman(rows, transport).send_all(row(1), typing=True, receipts=True)
    assert transport.sent == [4711]
    assert rows.marked == [("sent", None)]


async def test_an_old_row_is_found_in_the_history_and_not_sent_again():
    rows, transport = (
        Rows(known=(4,)),
        ScriptedTransport(history=[said(3, outgoing=False), said(4), said(5), said(6, "x")]),
    )
    await postman(rows, transport).send_all(row(OLD_AFTER.total_seconds() / 60 + 1), typing=True, receipts=True)
    assert transport.sent == []
    assert rows.marked == [("sent", 5)]


@pytest.mark.parametrize("history", [(), (said(4),), (said(5, outgoing=False),), PermanentError("bots may not")])
async def test_an_old_row_that_is_not_there_goes_out(history):
    rows, transport = Rows(known=(4,)), ScriptedTransport(history=history)
    await postman(rows, transport).send_all(row(60), typing=True, receipts=True)
    assert transport.sent == [4711]
    assert rows.marked == [("sent", 99)]


async def test_a_long_limit_is_kept_in_the_row_and_a_short_one_in_memory():
    rows, transport = (
        Rows(),
        ScriptedTransport(TemporaryError("flood", retry_after=60), TemporaryError("flood", retry_after=1)),
    )
    post = postman(rows, transport)
    again = await post.send_all(row(0), typing=True, receipts=True)
    assert again == CLOCK.now() + timedelta(seconds=60)
    assert rows.marked == [("later", again)]
    assert await post.send_all(row(0), typing=True, receipts=True) == CLOCK.now() + timedelta(seconds=1)
    assert len(rows.marked) == 1


async def test_a_lost_session_leaves_the_row_for_later():
    rows = Rows()
    transport = ScriptedTransport(BotFailure(FailureKind.REAUTH, "log in"))
    again = await postman(rows, transport).send_all(row(0), typing=True, receipts=True)
    assert again is not None
    assert rows.marked == []


@pytest.mark.parametrize("refusal", [PermanentError("blocked us"), InvalidInputError("too long")])
async def test_what_can_never_be_sent_is_given_up(refusal):
    rows, transport = Rows(), ScriptedTransport(refusal)
    assert await postman(rows, transport).send_all(row(0), typing=True, receipts=True) is None
    assert rows.marked == [("failed", str(refusal))]


async def test_a_leaving_worker_starts_nothing_that_waits():
    rows, transport = Rows(), ScriptedTransport()
    post = postman(rows, transport)
    post._desk.leaving.set()
    await post.send_all(
        replace(row(0), state=OutboxState.PENDING, typing_ms=5000, attempts=0), typing=True, receipts=True
    )
    assert transport.sent == []
