"""The pure parts of the simulated contacts: cast, scripts, evidence and verdict."""

import asyncio
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import errors as telethon_errors
from telethon.tl import types

from hanfleet.kit.clock import ManualClock
from hanfleet.sandbox.contacts.cast import CAST, cast_for
from hanfleet.sandbox.contacts.chat import Chat, Delivery, HistoryEntry, RefusedError
from hanfleet.sandbox.contacts.judge import judge, percentile
from hanfleet.sandbox.contacts.ledger import Ledger, ReceivedReply, SentMessage
from hanfleet.sandbox.contacts.line import LineBrokenError
from hanfleet.sandbox.contacts.pacing import draw
from hanfleet.sandbox.contacts.persons import burst_size, script
from hanfleet.sandbox.contacts.recorder import Attempt, Recorder
from hanfleet.sandbox.llm.language import detect_language
from hanfleet.sandbox.llm.nonces import find_nonces

errors: Any = telethon_errors  # Telethon carries no types

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _sent(nonce: str, at: float = 0.0, burst: int = 1) -> SentMessage:
    return SentMessage(nonce, "mira", "Pip", f"hello {nonce}", burst, _NOW, at, None)


def _reply(number: int, nonces: tuple[str, ...], at: float = 1.0, *, live: bool = True) -> ReceivedReply:
    return ReceivedReply("mira", "Pip", " ".join(nonces), nonces, number, _NOW, at, live)


def _ledger(sent, received, bot: str = "mira", *, history_read: bool = True) -> Ledger:
    return Ledger(bot, "Pip", 7, tuple(sent), tuple(received), history_read)


def test_the_cast_is_large_and_speaks_its_languages():
    assert len(CAST) >= 8
    assert len({person.name for person in CAST}) == len(CAST)
    for person in CAST:
        chance = random.Random(3)
        lines = script(person, chance)
        said = [next(lines) for _ in range(40)]
        assert not any("#" in line for line in said)
        assert detect_language([" ".join(said)]) == person.language
        assert {burst_size(person, chance) for _ in range(400)} <= {1, 2, 3, 4}


def test_a_small_cast_repeats_itself():
    names = [person.name for person in cast_for("ru", 12)]
    assert len(names) == 12
    assert len(set(names)) >= 4


@given(st.floats(0, 5), st.floats(0, 5), st.integers())
def test_pauses_stay_in_their_span(low, extra, seed):
    assert low <= draw((low, low + extra), random.Random(seed)) <= low + extra + 1e-9


def test_lost_doubled_and_strange_are_told_apart():
    verdict = judge(
        [
            _ledger(
                [_sent("#00000001"), _sent("#00000002"), _sent("#00000003")],
                [_reply(1, ("#00000001", "#00000002")), _reply(2, ("#00000002", "#0000000f"))],
            )
        ]
    )
    mira = verdict.of("mira")
    assert (mira.received, mira.answered) == (3, 2)
    assert (mira.lost, mira.doubled, mira.strange) == (("#00000003",), ("#00000002",), ("#0000000f",))
    assert (verdict.received, verdict.answered, verdict.lost, verdict.doubled) == (3, 2, 1, 1)


def test_two_sightings_of_one_message_are_not_a_double():
    verdict = judge([_ledger([_sent("#00000001")], [_reply(5, ("#00000001",)), _reply(5, ("#00000001",), live=False)])])
    assert verdict.doubled == 0


def test_bots_and_contacts_are_kept_apart():
    verdict = judge(
        [
            _ledger([_sent("#00000001")], [_reply(1, ("#00000001",))]),
            _ledger([_sent("#00000002")], [_reply(1, ("#00000002",))]),
            _ledger([_sent("#00000003")], [], bot="otto", history_read=False),
        ]
    )
    assert [(bot.bot, bot.received, len(bot.lost)) for bot in verdict.bots] == [("mira", 2, 0), ("otto", 1, 1)]
    assert verdict.unread == ("Pip",)
    with pytest.raises(KeyError):
        verdict.of("nobody")


def test_latency_runs_from_the_newest_message_that_a_reply_answers():
    verdict = judge(
        [
            _ledger(
                [_sent("#00000001", 1.0), _sent("#00000002", 2.0), _sent("#00000003", 9.0)],
                [
                    _reply(1, ("#00000001", "#00000002"), 2.5),
                    _reply(2, ("#00000003",), 20.0, live=False),
                    _reply(3, ()),
                ],
            )
        ]
    )
    (answer,) = verdict.of("mira").answers
    assert answer.latency_s == pytest.approx(0.5)
    assert answer.burst_end_monotonic == 2.0


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_one_of_the_values_and_covers_its_share(values, share):
    at = percentile(values, share)
    assert at in values
    assert sum(value <= at for value in values) >= share * len(values) - 1e-6


def test_a_percentile_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        percentile([], 0.5)


@given(st.lists(st.tuples(st.integers(0, 5), st.lists(st.integers(0, 5), max_size=4)), max_size=12), st.integers(1, 6))
def test_the_books_always_balance(replies, number):
    sent = [_sent(f"#{n:08x}") for n in range(number)]
    received = [_reply(key, tuple(f"#{n:08x}" for n in dict.fromkeys(nonces))) for key, nonces in replies]
    mira = judge([_ledger(sent, received)]).of("mira")
    assert mira.answered + len(mira.lost) == mira.received == number
    assert set(mira.doubled).isdisjoint(mira.lost)


def test_the_history_settles_what_was_uncertain():
    recorder = Recorder("mira", "Pip", ManualClock())
    for nonce in ("#00000001", "#00000002", "#00000003"):
        recorder.attempt(Attempt(nonce, f"hi {nonce}", 1))
    recorder.confirm("#00000001", Delivery(_NOW, 5.0, None))
    recorder.arrive(20, "seen live #00000001")
    assert recorder.arrive(20, "seen live #00000001") is None
    recorder.settle(
        [
            HistoryEntry(21, False, "missed (#00000002)"),
            HistoryEntry(20, False, "seen live #00000001, edited"),
            HistoryEntry(11, True, "hi #00000002"),
            HistoryEntry(10, True, "hi #00000001"),
        ]
    )
    ledger = recorder.ledger(7, history_read=True)
    assert {message.nonce: message.telegram_id for message in ledger.sent} == {"#00000001": 10, "#00000002": 11}
    assert [(reply.telegram_id, reply.live) for reply in ledger.received] == [(20, True), (21, False)]
    assert not recorder.unanswered()


class _ScriptedLine:
    """A line whose answers are written down beforehand."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers
        self.asked: list[Any] = []

    async def ask(self, request: Any) -> Any:
        self.asked.append(request)
        answer = self.answers.pop(0)
        await asyncio.sleep(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _chat(*answers: Any) -> tuple[Chat, _ScriptedLine, ManualClock]:
    line, clock = _ScriptedLine(list(answers)), ManualClock()
    peer = types.User(7, access_hash=9)
    return Chat(line, peer, clock), line, clock  # type: ignore[arg-type]


def _confirmed(number: int) -> Any:
    return types.UpdateShortSentMessage(id=number, pts=1, pts_count=1, date=_NOW)


async def test_an_uncertain_send_is_repeated_with_its_own_random_id():
    chat, line, clock = _chat(LineBrokenError("cut"), LineBrokenError("cut"), errors.RandomIdDuplicateError(None))
    began = clock.monotonic()
    delivery = await chat.send("hi #00000001", 77, lambda: False)
    assert delivery is not None
    assert (delivery.telegram_id, delivery.began_monotonic) == (None, began)
    assert [request.random_id for request in line.asked] == [77, 77, 77]


async def test_a_flood_wait_is_waited_for_and_the_clock_starts_anew():
    chat, line, clock = _chat(errors.FloodWaitError(None, capture=30), _confirmed(4))
    began = clock.monotonic()
    delivery = await chat.send("hi", 77, lambda: False)
    assert delivery is not None
    assert (delivery.telegram_id, delivery.began_monotonic - began) == (4, 30)
    assert len(line.asked) == 2


async def test_a_refusal_is_final_and_giving_up_leaves_it_open():
    chat, _, _ = _chat(errors.PeerFloodError(None))
    with pytest.raises(RefusedError):
        await chat.send("hi", 77, lambda: False)
    chat, line, _ = _chat(LineBrokenError("cut"))
    assert await chat.send("hi", 77, lambda: bool(line.asked)) is None


async def test_the_id_is_found_in_the_long_form_of_a_confirmation():
    updates = types.Updates([types.UpdateMessageID(id=12, random_id=77)], [], [], _NOW, 0)
    chat, _, _ = _chat(updates)
    delivery = await chat.send("hi", 77, lambda: False)
    assert delivery is not None
    assert delivery.telegram_id == 12


async def test_a_long_history_is_read_to_its_end():
    def message(number: int, *, out: bool) -> Any:
        return types.Message(number, types.PeerUser(7), _NOW, f"text {number}", out=out)

    first = types.messages.MessagesSlice(3, [message(3, out=False), message(2, out=True)], [], [], [])
    second = types.messages.Messages([message(1, out=True)], [], [], [])
    chat, line, _ = _chat(first, second)
    history = await chat.history()
    assert [(entry.telegram_id, entry.outgoing) for entry in history] == [(3, False), (2, True), (1, True)]
    assert [request.offset_id for request in line.asked] == [0, 2]


async def test_best_effort_requests_swallow_refusals():
    chat, _, _ = _chat(LineBrokenError("cut"), errors.PeerFloodError(None), True)
    await chat.type()
    await chat.read(3)
    assert await chat.edit(3, "x")


def test_a_nonce_survives_what_a_person_writes_around_it():
    assert find_nonces("#00000001 Quick!") == find_nonces("Quick! #00000001 …") == ("#00000001",)
