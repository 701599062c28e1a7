"""Judging holders. The killing is tried on a real process: this room's whole point is the proof."""

import os
import signal
import subprocess
import sys

import pytest

from hanfleet.core.errors import TemporaryError
from hanfleet.core.process import Lease, ProcessRef
from hanfleet.kit.clock import ManualClock
from hanfleet.launchers.process_table import boot_id, ref_of, start_time
from hanfleet.supervisor.leases import LeaseWatch
from hanfleet.supervisor.reconciler import Holder
from tests.unit.supervisor.worlds import NOW


def lease(holder: ProcessRef | None, *, epoch: int = 1, expired: bool = False) -> Lease:
    return Lease("bot:anna", epoch, holder, NOW, expired)


@pytest.fixture
def watch() -> LeaseWatch:
    return LeaseWatch("here", ManualClock(), margin_s=10)


def test_nobody_holds_what_was_never_claimed(watch):
    assert watch.holder_of(None) is Holder.NOBODY
    assert watch.holder_of(lease(None)) is Holder.NOBODY


def test_holder_of_this_node_is_judged_by_the_process_even_when_expired(watch):
    me = ref_of(os.getpid(), "here")
    assert me is not None
    assert watch.holder_of(lease(me, expired=True)) is Holder.ALIVE
    assert watch.holder_of(lease(ProcessRef("here", "last boot", me.pid, me.start_time))) is Holder.DEAD
    assert watch.holder_of(lease(ProcessRef("here", boot_id(), me.pid, me.start_time + 1))) is Holder.DEAD


async def test_holder_of_another_node_counts_until_expiry_and_margin():
    clock = ManualClock()
    watch = LeaseWatch("here", clock, margin_s=10)
    there = ProcessRef("there", "boot", 1, 1)
    assert watch.holder_of(lease(there)) is Holder.ELSEWHERE
    assert watch.holder_of(lease(there, expired=True)) is Holder.ELSEWHERE
    clock.advance(9)
    with pytest.raises(TemporaryError):
        await watch.prove_free(lease(there, expired=True))
    # It renewed in time: the margin begins anew.
    assert watch.holder_of(lease(there)) is Holder.ELSEWHERE
    clock.advance(9)
    assert watch.holder_of(lease(there, expired=True)) is Holder.ELSEWHERE
    clock.advance(10)
    assert watch.holder_of(lease(there, expired=True)) is Holder.DEAD
    await watch.prove_free(lease(there, expired=True))


async def test_stalled_holder_is_dead_when_the_proof_is_given(watch):
    stalled = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        stalled.send_signal(signal.SIGSTOP)
        ref = ref_of(stalled.pid, "here")
        assert ref is not None
        await watch.prove_free(lease(ref, expired=True))
        # Dead, though nobody has reaped it yet.
        assert start_time(stalled.pid) == ref.start_time
        assert watch.holder_of(lease(ref)) is Holder.DEAD
    finally:
        assert stalled.wait(timeout=5) == -signal.SIGKILL
