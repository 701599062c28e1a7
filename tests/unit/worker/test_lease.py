"""The holder's own judgement of its lease, by a clock that moves when told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hanfleet.core.errors import FencedError
from hanfleet.core.process import ProcessRef
from hanfleet.core.states import WorkerPhase
from hanfleet.kit.clock import ManualClock
from hanfleet.store.records import Beat
from hanfleet.worker.lease import LeaseKeeper
from hanfleet.worker.ledger import Step

US = ProcessRef("here", "boot", 1, 2)
BEAT = Beat(WorkerPhase.RUNNING)


class SlowLedger:
    """Each step takes ``seconds`` after it was asked for; leases hold while ``ours``."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.seconds = 0.0
        self.ours = True
        self.steps: list[Step] = []

    async def run(self, step: Step, fn: Callable[[Any], Awaitable[Any]]) -> Any:
        self.steps.append(step)
        answer = await fn(_Transaction(self))
        self.clock.advance(self.seconds)
        return answer


class _Transaction:
    def __init__(self, ledger: SlowLedger) -> None:
        self._ledger = ledger
        self.leases = self.heartbeats = self.conversations = self

    async def claim(self, *_: Any) -> bool:
        return self._ledger.ours

    async def renew(self, *_: Any) -> bool:
        return self._ledger.ours

    async def beat(self, *_: Any) -> bool:
        return True

    async def release(self, *_: Any) -> None:
        return None

    async def oldest_unanswered_at(self, *_: Any) -> None:
        return None


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ledger(clock: ManualClock) -> SlowLedger:
    return SlowLedger(clock)


@pytest.fixture
def lease(ledger: SlowLedger, clock: ManualClock) -> LeaseKeeper:
    return LeaseKeeper("mia", ledger, epoch=3, ttl_s=10, clock=clock)


async def test_it_is_safe_only_between_claim_and_deadline(lease, clock):
    assert not lease.is_safe()
    await lease.claim(US)
    assert lease.is_safe()
    clock.advance(7.9)
    assert lease.is_safe()
    clock.advance(0.2)
    assert not lease.is_safe()


async def test_a_slow_answer_does_not_prolong_it(lease, ledger, clock):
    ledger.seconds = 7.0
    await lease.claim(US)
    assert lease.is_safe()
    clock.advance(1.1)
    assert not lease.is_safe()


async def test_losing_it_is_told(lease, ledger):
    await lease.claim(US)
    ledger.ours = False
    with pytest.raises(FencedError):
        await lease.renew(BEAT)
    with pytest.raises(FencedError):
        await lease.claim(US)


async def test_it_comes_back_with_a_renewal(lease, clock):
    await lease.claim(US)
    await lease.until_unsafe()
    assert not lease.is_safe()
    waiting = asyncio.create_task(lease.until_safe())
    await asyncio.sleep(0)
    assert not waiting.done()
    await lease.renew(BEAT)
    await waiting
    assert lease.is_safe()


async def test_giving_it_back_ends_it_at_once(lease, ledger):
    await lease.claim(US)
    await lease.release()
    assert not lease.is_safe()
    assert ledger.steps[-1] is Step.RELEASE
