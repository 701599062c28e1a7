"""Following the update log: what is stored when, on Telethon's real message box and a scripted Telegram."""

# mypy: allow-untyped-calls

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from telethon.tl import functions, types

from hanfleet.core.errors import BotFailure, FencedError, PermanentError, TemporaryError
from hanfleet.core.failures import FailureKind
from hanfleet.core.messages import SessionSnapshot, UpdateBatch, UpdateState
from hanfleet.kit.clock import ManualClock
from hanfleet.transports.telegram.client import FleetClient
from hanfleet.transports.telegram.session import SnapshotSession
from hanfleet.transports.telegram.update_log import UpdateLog
from tests.support.waiting import eventually

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANN = types.User(id=7, access_hash=70, first_name="Ann")
ME = 1
EMPTY = types.updates.DifferenceEmpty(date=NOW, seq=0)


def message(number: int, text: str = "hello", *, at: datetime = NOW, **more: Any) -> types.Message:
    return types.Message(id=number, peer_id=types.PeerUser(7), date=at, message=text, **more)


def push(number: int, pts: int, text: str = "hello") -> types.Updates:
    new = types.UpdateNewMessage(message=message(number, text), pts=pts, pts_count=1)
    return types.Updates([new], [ANN], [], NOW, 0)


def state(pts: int) -> types.updates.State:
    return types.updates.State(pts=pts, qts=0, date=NOW, seq=0, unread_count=0)


def difference(
    pts: int, messages: list[Any] | None = None, others: list[Any] | None = None
) -> types.updates.Difference:
    return types.updates.Difference(messages or [], [], others or [], [], [ANN], state(pts))


class ScriptedTelegram:
    """A client that never touches the network: answers by request type, in turn, the last one for ever."""

    def __init__(self, *, is_bot: bool = False) -> None:
        position = UpdateState(pts=10, qts=0, date=NOW, seq=0)
        session = SnapshotSession(SessionSnapshot(2, "127.0.0.1", 1, b"k" * 256, ME, is_bot, position), None)
        self.client = FleetClient(session, 1, "hash", request_timeout_s=1)
        self.client.ready = True
        self.client.is_connected = lambda: True  # type: ignore[method-assign]
        self.client.ask = self._ask  # type: ignore[method-assign]
        self.client.on_loss = self._lost
        self.client._mb_entity_cache.set_self_user(ME, is_bot, None)
        self.clock = ManualClock()
        self.batches: list[UpdateBatch] = []
        self.refusal: Exception | None = None
        self.losses: list[BotFailure] = []
        self.asked: list[Any] = []
        self.answers: dict[type, list[Any]] = {functions.updates.GetDifferenceRequest: [EMPTY]}
        self.log = UpdateLog(self.client, self._store, clock=self.clock)

    async def _store(self, batch: UpdateBatch) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.batches.append(batch)

    def _lost(self, failure: BotFailure) -> None:
        self.losses.append(failure)

    async def _ask(self, request: Any) -> Any:
        self.asked.append(request)
        await asyncio.sleep(0)
        answers = self.answers[type(request)]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        self.client.session.process_entities(answer)
        return answer

    def expect(self, request: type, *answers: Any) -> None:
        self.answers[request] = list(answers)

    def push(self, update: Any) -> None:
        self.client._updates_queue.put_nowait(update)

    def begin(self) -> None:
        box = self.client._message_box
        ((_id, stored),) = self.client.session.get_update_states()
        box.load(_SessionState(stored), [])
        self.log.start()

    @property
    def stored_texts(self) -> list[str]:
        return [m.text for batch in self.batches for m in batch.messages]

    def differences(self) -> int:
        return sum(isinstance(request, functions.updates.GetDifferenceRequest) for request in self.asked)


class _SessionState:
    def __init__(self, stored: Any) -> None:
        self.pts, self.qts, self.seq, self.date = stored.pts, stored.qts, stored.seq, int(stored.date.timestamp())


Start = Callable[..., ScriptedTelegram]


@pytest.fixture
async def telegram() -> AsyncIterator[Start]:
    running: list[asyncio.Task[None]] = []

    def start(script: ScriptedTelegram) -> ScriptedTelegram:
        script.begin()
        running.append(asyncio.create_task(script.log.run()))
        return script

    yield start
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_a_push_is_stored_with_the_position_behind_it(telegram: Start) -> None:
    script = telegram(ScriptedTelegram())
    await eventually(script.differences)
    script.push(push(1, 11))
    await eventually(lambda: script.batches)
    (batch,) = script.batches
    assert [m.text for m in batch.messages] == ["hello"]
    assert batch.state is not None
    assert batch.state.pts == 11
    assert [entity.id for entity in batch.entities] == [7]


async def test_pushes_that_wait_together_are_stored_together_in_order(telegram: Start) -> None:
    script = telegram(ScriptedTelegram())
    await eventually(script.differences)
    for number in range(1, 6):
        script.push(push(number, 10 + number, str(number)))
    await eventually(lambda: len(script.stored_texts) == 5)
    assert len(script.batches) == 1
    assert script.stored_texts == ["1", "2", "3", "4", "5"]


async def test_what_was_missed_comes_with_edits_and_deletions(telegram: Start) -> None:
    script = ScriptedTelegram()
    edit = types.UpdateEditMessage(message=message(1, "better"), pts=12, pts_count=1)
    gone = types.UpdateDeleteMessages(messages=[2], pts=13, pts_count=1)
    script.expect(functions.updates.GetDifferenceRequest, difference(14, [message(3, "new")], [edit, gone]), EMPTY)
    telegram(script)
    await eventually(lambda: script.batches)
    (batch,) = script.batches
    assert [m.text for m in batch.messages] == ["new"]
    assert [(e.telegram_id, e.text) for e in batch.edits] == [(1, "better")]
    assert [d.telegram_ids for d in batch.deletions] == [(2,)]
    assert batch.state is not None
    assert batch.state.pts == 14


async def test_slices_are_stored_one_by_one(telegram: Start) -> None:
    script = ScriptedTelegram()
    first = types.updates.DifferenceSlice([message(1, "1")], [], [], [], [ANN], state(11))
    script.expect(functions.updates.GetDifferenceRequest, first, difference(12, [message(2, "2")]), EMPTY)
    telegram(script)
    await eventually(lambda: len(script.batches) == 2)
    assert [batch.state.pts for batch in script.batches if batch.state] == [11, 12]
    assert script.stored_texts == ["1", "2"]


async def test_a_difference_that_fails_is_asked_for_again(telegram: Start) -> None:
    script = ScriptedTelegram()
    before = script.clock.monotonic()
    busy = TemporaryError("busy")
    limited = TemporaryError("limited", retry_after=77)
    script.expect(
        functions.updates.GetDifferenceRequest, busy, busy, limited, difference(11, [message(1, "found")]), EMPTY
    )
    telegram(script)
    await eventually(lambda: script.stored_texts == ["found"])
    assert script.clock.monotonic() - before == 0.5 + 1.0 + 77
    assert not script.losses


async def test_a_gap_too_long_is_read_from_history_before_the_jump(telegram: Start) -> None:
    script = ScriptedTelegram()
    script.expect(functions.updates.GetDifferenceRequest, types.updates.DifferenceTooLong(500), EMPTY)
    newest = message(9, "newest", at=NOW + timedelta(hours=2))
    old = message(2, "old", at=NOW - timedelta(hours=1))
    dialog = types.Dialog(
        peer=types.PeerUser(7),
        top_message=9,
        read_inbox_max_id=0,
        read_outbox_max_id=0,
        unread_count=0,
        unread_mentions_count=0,
        unread_reactions_count=0,
        unread_poll_votes_count=0,
        notify_settings=types.PeerNotifySettings(),
    )
    script.expect(
        functions.messages.GetDialogsRequest,
        TemporaryError("limited", retry_after=5),
        types.messages.Dialogs([dialog], [newest], [], [ANN]),
    )
    missed = message(8, "missed", at=NOW + timedelta(hours=1))
    script.expect(
        functions.messages.GetHistoryRequest,
        types.messages.Messages(messages=[newest, missed, old], topics=[], chats=[], users=[ANN]),
    )
    telegram(script)
    await eventually(lambda: any(batch.gap for batch in script.batches))
    told, jump = script.batches
    assert [m.text for m in told.messages] == ["missed", "newest"]
    assert told.state is None
    assert jump.gap
    assert jump.state is not None
    assert jump.state.pts == 500


async def test_a_bot_jumps_over_a_gap_with_nothing_to_read(telegram: Start) -> None:
    script = ScriptedTelegram(is_bot=True)
    script.expect(functions.updates.GetDifferenceRequest, types.updates.DifferenceTooLong(500), EMPTY)
    telegram(script)
    await eventually(lambda: script.batches)
    assert [(batch.gap, batch.messages) for batch in script.batches] == [(True, ())]


async def test_a_position_that_telegram_refuses_is_a_gap(telegram: Start) -> None:
    script = ScriptedTelegram(is_bot=True)
    script.expect(functions.updates.GetDifferenceRequest, PermanentError("PERSISTENT_TIMESTAMP_INVALID"), EMPTY)
    script.expect(functions.updates.GetStateRequest, state(30))
    telegram(script)
    await eventually(lambda: script.batches)
    assert script.batches[0].gap
    assert script.client.state is not None
    assert script.client.state.pts == 30


async def test_a_hole_between_pushes_is_filled_before_going_on(telegram: Start) -> None:
    script = ScriptedTelegram()
    script.expect(
        functions.updates.GetDifferenceRequest,
        EMPTY,
        difference(12, [message(1, "first"), message(2, "second")]),
        EMPTY,
    )
    telegram(script)
    await eventually(script.differences)
    script.push(push(2, 12, "second"))
    await eventually(lambda: script.stored_texts == ["first", "second"])


@pytest.mark.parametrize(
    ("refusal", "kind"), [(RuntimeError("ours"), FailureKind.BUG), (FencedError("too late"), FailureKind.FENCED)]
)
async def test_a_listener_that_raises_ends_the_session_and_moves_nothing(
    telegram: Start, refusal: Exception, kind: FailureKind
) -> None:
    script = telegram(ScriptedTelegram())
    await eventually(script.differences)
    script.refusal = refusal
    script.push(push(1, 11))
    await eventually(lambda: script.losses)
    script.refusal = None
    script.push(push(2, 12))
    await asyncio.sleep(0.05)
    assert [failure.kind for failure in script.losses] == [kind]
    assert script.batches == []


async def test_a_short_message_of_a_stranger_is_fetched_in_full(telegram: Start) -> None:
    script = ScriptedTelegram()
    script.expect(functions.updates.GetDifferenceRequest, EMPTY, difference(11, [message(1, "in full")]), EMPTY)
    telegram(script)
    await eventually(script.differences)
    script.push(types.UpdateShortMessage(id=1, user_id=7, message="in short", pts=11, pts_count=1, date=NOW))
    await eventually(lambda: script.stored_texts == ["in full"])
    script.push(types.UpdateShortMessage(id=2, user_id=7, message="in short", pts=12, pts_count=1, date=NOW))
    await eventually(lambda: script.stored_texts == ["in full", "in short"])


async def test_our_own_sends_move_us_without_a_batch_each(telegram: Start) -> None:
    script = telegram(ScriptedTelegram())
    await eventually(script.differences)
    for number in range(1, 102):
        answer = types.UpdateShortSentMessage(id=number, pts=10 + number, pts_count=1, date=NOW, out=True)
        answer._self_outgoing = True  # type: ignore[attr-defined] # Telethon's mark on what we caused ourselves
        script.push(answer)
        await asyncio.sleep(0)
    await eventually(lambda: script.client.state is not None and script.client.state.pts == 111)
    await eventually(lambda: script.batches)
    assert len(script.batches) == 1
    assert script.batches[0].messages == ()


async def test_channels_are_neither_followed_nor_asked_about(telegram: Start) -> None:
    script = telegram(ScriptedTelegram())
    await eventually(script.differences)
    post = types.Message(id=1, peer_id=types.PeerChannel(5), date=NOW, message="news")
    script.push(types.Updates([types.UpdateNewChannelMessage(post, 50, 1)], [], [], NOW, 0))
    script.push(types.Updates([types.UpdateNewChannelMessage(post, 90, 1)], [], [], NOW, 0))
    script.push(types.UpdateShort(types.UpdateChannelTooLong(5), NOW))
    script.push(push(1, 11))
    await eventually(lambda: script.stored_texts == ["hello"])
    await eventually(lambda: not script.client._message_box.getting_diff_for)
    assert {type(request) for request in script.asked} == {functions.updates.GetDifferenceRequest}


async def test_what_arrives_while_leaving_is_not_stored(telegram: Start) -> None:
    script = ScriptedTelegram()
    script.expect(functions.updates.GetDifferenceRequest, difference(11, [message(1)]))

    async def leave_meanwhile(request: Any) -> Any:
        script.client.closing = True
        return await script._ask(request)

    script.client.ask = leave_meanwhile  # type: ignore[method-assign]
    telegram(script)
    await eventually(script.differences)
    await asyncio.sleep(0.02)
    assert script.batches == []
    assert not script.losses


async def test_leaving_waits_for_what_is_being_stored(telegram: Start) -> None:
    script = ScriptedTelegram()
    begun, finish = asyncio.Event(), asyncio.Event()

    async def slow(batch: UpdateBatch) -> None:
        begun.set()
        await finish.wait()
        script.batches.append(batch)

    script.log._on_batch = slow
    telegram(script)
    script.push(push(1, 11))
    await asyncio.wait_for(begun.wait(), 5)
    script.client.closing = True
    leaving = asyncio.create_task(script.log.leave())
    await asyncio.sleep(0.02)
    assert not leaving.done()
    finish.set()
    await asyncio.wait_for(leaving, 5)
    assert len(script.batches) == 1
    script.push(push(2, 12))
    await asyncio.sleep(0.02)
    assert len(script.batches) == 1
    assert not script.losses
