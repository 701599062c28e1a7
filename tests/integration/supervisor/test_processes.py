"""Supervisor and zygote as the processes that `hanfleet up` starts, with the tests' worker."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretBytes, SecretStr

from hanfleet.app.audit_heads import HeadsFile
from hanfleet.app.payloads import SupervisorPayload, ZygotePayload
from hanfleet.app.startup_channel import VARIABLE, offered
from hanfleet.core.process import ProcessRef
from hanfleet.core.states import BotState, DesiredState
from hanfleet.launchers.process_table import is_alive, node_name
from hanfleet.vault import MasterKey, new_data_key
from tests.support.database import SYSTEM
from tests.support.fleets import Rig
from tests.support.waiting import eventually
from tests.support.zygotes import ZygoteProcess

pytestmark = pytest.mark.xdist_group("processes")
KEY = bytes(range(32))
_ROOT = Path(__file__).parents[3]


class RealZygote(ZygoteProcess):
    """`hanfleet.app.zygote_main`, with the tests' worker as its entry."""

    def start(self) -> None:
        payload = ZygotePayload(
            socket=self.socket,
            exits_dir=self.exits,
            worker_entry="tests.integration.supervisor.beating_worker:run",
        )
        self.process = _spawn("hanfleet.app.zygote_main", payload.to_wire(), self.log)
        self._until_it_answers()


def _spawn(module: str, payload: bytes, log: Path) -> subprocess.Popen[bytes]:
    with offered(payload) as descriptor, log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=_ROOT,
            env={**os.environ, VARIABLE: str(descriptor)},
            pass_fds=(descriptor,),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


@pytest.fixture(scope="module")
def zygote(tmp_path_factory):
    """Preloading takes a second, so tests share one that they leave alive."""
    zygote = RealZygote(tmp_path_factory.mktemp("zygote"))
    zygote.start()
    yield zygote
    zygote.clean_up()


@pytest.fixture
def rig(database, zygote, tmp_path):
    yield Rig(database, zygote, tmp_path)
    zygote.kill_workers()


@pytest.fixture
def supervisors(rig, valkey_url, tmp_path):
    """Start one with a call; whatever still runs at the end is killed."""
    payload = SupervisorPayload(
        database_url=SecretStr(rig.database.urls.supervisor),
        provisioner_url=SecretStr(rig.database.urls.provisioner),
        relay_url=SecretStr(rig.database.urls.relay),
        redis_url=SecretStr(valkey_url),
        master_key=SecretBytes(KEY),
        node=node_name(),
        zygote_socket=rig.zygote.socket,
        exits_dir=rig.zygote.exits,
        bot_logs=tmp_path,
        audit_heads=tmp_path / "audit" / "heads.jsonl",
        heartbeat_s=0.2,
        lease_ttl_s=3.0,
        drain_s=3.0,
    )
    started: list[subprocess.Popen[bytes]] = []

    def start():
        log = tmp_path / f"supervisor-{len(started)}.log"
        started.append(_spawn("hanfleet.app.supervisor_main", payload.to_wire(), log))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


async def add(rig: Rig, bot_id: str) -> None:
    async with rig.database.api.transaction(SYSTEM) as tx:
        await tx.bots.add(bot_id, {"name": bot_id}, desired=DesiredState.RUNNING)
        await tx.keys.add(bot_id, MasterKey(KEY).wrap(bot_id, new_data_key()))


async def test_killed_supervisor_is_followed_by_one_that_adopts(rig, supervisors, tmp_path):
    first = supervisors()
    await add(rig, "anna")
    await rig.until("anna", BotState.RUNNING, within=20)
    holder = await rig.holder("anna")
    assert _rss_mb(first.pid) < 100
    second = supervisors()
    first.kill()
    first.wait()
    assert is_alive(holder)
    await add(rig, "boris")
    await rig.until("boris", BotState.RUNNING, within=20)
    assert await rig.holder("anna") == holder
    # The new one really holds the old worker: it sees its death.
    os.kill(holder.pid, signal.SIGKILL)

    async def replaced():
        return (await rig.lease("anna")).epoch == 2 and (await rig.row("anna")).status is BotState.RUNNING

    await eventually(replaced, what="anna has a new worker")
    holders = [await rig.holder(bot_id) for bot_id in ("anna", "boris")]
    # SIGTERM is the end of the whole fleet: workers drain, what is wanted stays.
    second.terminate()
    assert second.wait(timeout=15) == 0
    assert not any(is_alive(holder) for holder in holders)
    row = await rig.row("anna")
    assert (row.status, row.desired_state) == (BotState.STOPPED, DesiredState.RUNNING)
    # What the audit trail came to is written down outside of the database.
    async with rig.database.supervisor.transaction(SYSTEM) as tx:
        heads = await tx.audit.heads()
    exported, _ = HeadsFile(tmp_path / "audit" / "heads.jsonl").read()
    assert {head.chain: head for head in heads}.items() <= {one.head.chain: one.head for one in exported}.items()
    assert "bot:boris" in {head.chain for head in heads}


async def test_handing_over_leaves_the_workers_answering(rig, supervisors):
    first = supervisors()
    await add(rig, "anna")
    await rig.until("anna", BotState.RUNNING, within=20)
    holder = await rig.holder("anna")
    first.send_signal(signal.SIGUSR1)
    assert first.wait(timeout=15) == 0
    assert is_alive(holder)
    async with rig.database.supervisor.transaction(SYSTEM) as tx:
        lease = await tx.leases.get("supervisor")
    assert lease
    assert lease.expired
    supervisors()
    await rig.want("anna", DesiredState.STOPPED)
    await rig.until("anna", BotState.STOPPED, within=20)


async def test_workers_that_say_they_are_other_processes_are_found_and_ended(rig, supervisors):
    """They ignore SIGTERM, have another name and claim to live on another node, or to be init."""
    liars = ["liar-elsewhere", "liar-init"]

    async def run() -> dict[str, ProcessRef]:
        for bot_id in liars:
            await rig.until(bot_id, BotState.RUNNING, within=20)
        workers = {worker.bot_id: worker.ref for worker in await rig.zygote.launcher().list()}
        for ref in workers.values():
            rig.zygote.remember(ref)
        assert sorted(workers) == liars
        return workers

    first = supervisors()
    for bot_id in liars:
        await add(rig, bot_id)
    workers = await run()
    first.kill()
    first.wait()
    second = supervisors()
    for bot_id in liars:
        await rig.want(bot_id, DesiredState.STOPPED)
    for bot_id in liars:
        await rig.until(bot_id, BotState.STOPPED, within=20)
        assert not is_alive(workers[bot_id]), bot_id
        assert (await rig.lease(bot_id)).epoch == 1
    # And at the end of the fleet, by a supervisor that has not started them.
    for bot_id in liars:
        await rig.want(bot_id, DesiredState.RUNNING)
    workers = await run()
    second.kill()
    second.wait()
    third = supervisors()

    async def leads() -> bool:
        async with rig.database.supervisor.transaction(SYSTEM) as tx:
            lease = await tx.leases.get("supervisor")
        return lease is not None and lease.holder is not None and lease.holder.pid == third.pid

    await eventually(leads, within=20, what="the third one leads")
    third.terminate()
    assert third.wait(timeout=15) == 0
    assert [bot_id for bot_id, ref in workers.items() if is_alive(ref)] == []


async def test_worker_whose_supervisor_is_killed_before_it_is_named_has_no_secret_and_ends(rig, supervisors, tmp_path):
    """The one moment in which a worker is born and no lease names it."""
    admin = await rig.database.connect()
    await admin.execute(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
        " $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NEW; END $$;"
        "CREATE TRIGGER dawdle BEFORE UPDATE ON leases FOR EACH ROW WHEN (NEW.pid IS NOT NULL AND OLD.pid IS NULL)"
        " EXECUTE FUNCTION dawdle(); SELECT pg_advisory_lock(42)"
    )
    first = supervisors()
    await add(rig, "anna")
    [worker] = await eventually(rig.zygote.launcher().list, within=20, what="a worker is born")
    rig.zygote.remember(worker.ref)
    first.kill()
    first.wait()
    await eventually(lambda: not is_alive(worker.ref), what="the nameless one ends")
    assert "claimed" not in (tmp_path / "anna.log").read_text()
    assert (await rig.lease("anna")).holder is None
    await admin.execute("SELECT pg_advisory_unlock(42)")
    supervisors()
    await rig.until("anna", BotState.RUNNING, within=20)
    await rig.holder("anna")
    await rig.want("anna", DesiredState.STOPPED)
    await rig.until("anna", BotState.STOPPED, within=20)


def _rss_mb(pid: int) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    print(line)
    return int(line.split()[1]) / 1024
