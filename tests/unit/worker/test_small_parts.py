import asyncio
import random
from datetime import timedelta

import pytest

from hanfleet.core.errors import (
    BotFailure,
    FencedError,
    PermanentError,
    StoreUnavailableError,
    TemporaryError,
)
from hanfleet.core.failures import FailureKind
from hanfleet.kit.backoff import Backoff
from hanfleet.kit.clock import ManualClock
from hanfleet.worker.endings import failure_kind, failure_words
from hanfleet.worker.line import Line
from hanfleet.worker.memory import rss_mb, uss_mb
from hanfleet.worker.patience import pause_after, wait_for_either
from hanfleet.worker.settings import needs_restart
from hanfleet.worker.timetable import Entry, Errand, Timetable
from tests.unit.worker.contexts import NOW, config


def test_the_last_time_set_counts_and_what_is_due_comes_in_order():
    table = Timetable()
    table.set(1, Errand.TURN, NOW + timedelta(seconds=1))
    table.set(1, Errand.TURN, NOW + timedelta(seconds=9))
    table.set(2, Errand.SEND, NOW + timedelta(seconds=3))
    table.set(3, Errand.TURN, NOW + timedelta(seconds=2))
    assert table.next_at() == NOW + timedelta(seconds=2)
    assert table.pop_due(NOW + timedelta(seconds=5)) == [Entry(3, Errand.TURN), Entry(2, Errand.SEND)]
    assert table.has(1, Errand.TURN)
    table.drop(1, Errand.TURN)
    assert table.next_at() is None


async def test_waiting_ends_with_the_event_or_the_time():
    clock, event = ManualClock(), asyncio.Event()
    assert not await wait_for_either(event, 5, clock)
    assert clock.monotonic() == 1005
    event.set()
    assert await wait_for_either(event, 5, clock)
    assert clock.monotonic() == 1005


def test_a_named_pause_is_kept_and_others_grow():
    backoff, chance = Backoff(first_s=1, jitter=0), random.Random(1)
    assert pause_after(TemporaryError("busy", retry_after=7), 3, backoff, chance) == 7
    assert pause_after(TemporaryError("busy", retry_after=0), 3, backoff, chance) == 0
    assert pause_after(TemporaryError("busy"), 3, backoff, chance) == 4


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([FencedError("gone"), BotFailure(FailureKind.BANNED, "banned"), ValueError("?")], FailureKind.FENCED),
        ([StoreUnavailableError("away"), BotFailure(FailureKind.REAUTH, "log in")], FailureKind.REAUTH),
        ([StoreUnavailableError("away")], FailureKind.TRANSIENT),
        ([BotFailure(FailureKind.TRANSIENT, "lost"), StoreUnavailableError("away")], FailureKind.TRANSIENT),
        ([StoreUnavailableError("away"), ValueError("ours")], FailureKind.BUG),
        ([PermanentError("refused")], FailureKind.BUG),
    ],
)
def test_the_weightiest_failure_is_told(errors, kind):
    group = BaseExceptionGroup("ended", [BaseExceptionGroup("inner", errors[:1]), *errors[1:]])
    assert failure_kind(group) is kind
    assert str(errors[0]) in failure_words(group)


def test_nothing_is_sent_while_away_or_without_a_sure_lease():
    safe = True
    line = Line(lambda: safe)
    with pytest.raises(TemporaryError):
        _ = line.transport

    class ConnectedTransport:
        is_connected = True

    transport: object = ConnectedTransport()
    line.open(transport)  # type: ignore[arg-type]
    assert line.is_up
    assert line.transport is transport
    safe = False
    assert not line.is_up
    with pytest.raises(TemporaryError):
        _ = line.transport
    safe = True
    line.close()
    assert not line.is_up


def test_memory_is_read_from_the_kernel():
    assert 1 < uss_mb() <= rss_mb()


def test_only_the_telegram_log_in_needs_a_restart():
    assert not needs_restart(config(), config(name="Other", llm={"model": "x"}))
    assert needs_restart(config(), config(telegram_bot_token="999:0123456789"))
