"""A worker of the tests' own with a real database: claims its lease, beats, drains. It talks to no Telegram.

The bot's name says how it behaves. `python -m … SOCKET EXITS` is a zygote that forks it.
"""

import asyncio
import ctypes
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hanfleet.core.errors import FencedError, StoreUnavailableError
from hanfleet.core.failures import FailureKind
from hanfleet.core.process import ProcessRef
from hanfleet.core.startup import WorkerStartup
from hanfleet.core.states import WorkerPhase
from hanfleet.kit.clock import SystemClock
from hanfleet.launchers.process.zygote import serve
from hanfleet.launchers.process_table import node_name, ref_of
from hanfleet.store.principals import BotPrincipal
from hanfleet.store.records import Beat
from hanfleet.store.session import Store

_PR_SET_NAME = 15


def run(startup: WorkerStartup) -> int:
    try:
        return asyncio.run(_live(startup))
    except FencedError as fenced:
        print(f"fenced {fenced}", flush=True)
        return FailureKind.FENCED.exit_status
    except StoreUnavailableError:
        return FailureKind.TRANSIENT.exit_status


async def _live(startup: WorkerStartup) -> int:
    behaviour = startup.bot_id.split("-", maxsplit=1)[0]
    if behaviour == "reauth":
        return FailureKind.REAUTH.exit_status
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    principal = BotPrincipal(startup.bot_id)
    store = Store(startup.database_url.get_secret_value(), clock=SystemClock(), application_name="test worker")
    ref = ref_of(os.getpid(), node_name())
    assert ref
    if behaviour == "liar":
        return await _lie(store, startup, ref)
    try:
        if not await store.run(principal, lambda tx: tx.leases.claim(startup.epoch, ref, startup.lease_ttl_s)):
            raise FencedError("at the claim")
        print(f"claimed {startup.epoch} at {ref.pid}", flush=True)
        if behaviour == "dying":
            return FailureKind.TRANSIENT.exit_status
        phase = WorkerPhase.AWAITING_LOGIN if behaviour == "login" else WorkerPhase.RUNNING
        while not asked.is_set():
            await store.run(principal, lambda tx: _beat(tx, startup, phase))
            try:
                async with asyncio.timeout(startup.heartbeat_s):
                    await asked.wait()
            except TimeoutError:
                continue
        await store.run(principal, lambda tx: tx.leases.release(startup.epoch))
        print("released", flush=True)
        return 0
    finally:
        await store.close()


async def _lie(store: Store, startup: WorkerStartup, ref: ProcessRef) -> int:
    """A captured worker that will not be found: it takes another name, lives elsewhere or is init, and does not end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_NAME, b"kworker/0:1", 0, 0, 0)
    lie = replace(ref, node="elsewhere") if startup.bot_id == "liar-elsewhere" else replace(ref, pid=1, start_time=1)
    principal = BotPrincipal(startup.bot_id)
    while True:
        with suppress(FencedError, StoreUnavailableError):
            await store.run(principal, lambda tx: tx.leases.claim(startup.epoch, lie, 300))
            await store.run(principal, lambda tx: _beat(tx, startup, WorkerPhase.RUNNING))
        await asyncio.sleep(startup.heartbeat_s)


async def _beat(tx, startup: WorkerStartup, phase: WorkerPhase) -> None:
    if not await tx.leases.renew(startup.epoch, startup.lease_ttl_s):
        raise FencedError("at the renewal")
    # One that owes an answer has owed it since before it began.
    oldest = datetime.now(UTC) - timedelta(hours=1) if startup.bot_id.startswith("owing") else None
    await tx.heartbeats.beat(startup.epoch, Beat(phase=phase, connected=True, oldest_unanswered_at=oldest))


if __name__ == "__main__":
    serve(Path(sys.argv[1]), run, Path(sys.argv[2]), code=(Path(__file__).parents[3],))
