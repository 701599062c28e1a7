"""Log-ins, the owner's hand, limits of Telegram, leases: what stands between a bot and its account."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from hanfleet.bus.connection import Bus, open_bus
from hanfleet.bus.ipc import IPCManager
from hanfleet.core.commands import (
    Command,
    Ping,
    Reload,
    RequestLoginCode,
    Response,
    Status,
    Stop,
    SubmitLoginCode,
    SubmitLoginPassword,
)
from hanfleet.core.errors import BotFailure, FencedError
from hanfleet.core.failures import FailureKind
from hanfleet.core.states import WorkerPhase
from hanfleet.kit.clock import SystemClock
from hanfleet.persona.texts import DISCLOSURE
from hanfleet.worker.endings import failure_kind
from tests.support.database import SYSTEM, Database
from tests.support.sandbox import SandboxHandle, sandbox_process
from tests.support.waiting import eventually
from tests.support.workers import Rehearsal, times

# Their bots have one name, and all tests share a bus: whose worker hears a command would be chance.
pytestmark = pytest.mark.xdist_group("mia on the bus")


@pytest_asyncio.fixture
async def person(database: Database, sandbox: SandboxHandle) -> Rehearsal:
    """A bot on a person's account, with two-step verification."""
    account = await sandbox.account("user", "Mia", password="horse staple")
    rehearsal = Rehearsal(database, sandbox, await database.add_bot("mia"), account)
    await rehearsal.configure()
    return rehearsal


@pytest_asyncio.fixture
async def bus(valkey_url: str) -> AsyncIterator[Bus]:
    async with open_bus(valkey_url, clock=SystemClock()) as opened:
        await opened.client.delete("hf:mia:commands", "hf:mia:replies")
        yield opened
        await opened.client.delete("hf:mia:commands", "hf:mia:replies")


class Remote:
    """An operator's way to the worker."""

    def __init__(self, rehearsal: Rehearsal, bus: Bus) -> None:
        self._ipc = IPCManager(bus)
        self._cipher = rehearsal.cipher

    async def __call__(self, command: Command) -> Response:
        return await self._ipc.send_command(
            "mia", command, timeout_s=10, seal=lambda plain: self._cipher.seal("mia", "command", plain)
        )


async def log_in(rehearsal: Rehearsal, remote: Remote) -> None:
    assert (await remote(RequestLoginCode())).ok
    code = await rehearsal.sandbox.code(rehearsal.account["phone"])
    answer = await remote(SubmitLoginCode(code=SecretStr(code)))
    assert answer.ok, answer.error
    assert answer.data["password_needed"]
    answer = await remote(SubmitLoginPassword(password=SecretStr("horse staple")))
    assert answer.ok, answer.error


async def test_a_person_logs_in_by_commands_and_stays_logged_in(person: Rehearsal, bus: Bus, valkey_url: str):
    person.bus_url = valkey_url
    remote = Remote(person, bus)
    ann = await person.contact()
    async with person.worker() as worker:
        await eventually(lambda: worker.instance.phase is WorkerPhase.AWAITING_LOGIN)
        refused = await remote(SubmitLoginCode(code=SecretStr("12345")))
        assert not refused.ok
        assert refused.data == {"again": False}
        assert (await remote(RequestLoginCode())).ok
        mistyped = await remote(SubmitLoginCode(code=SecretStr("no code")))
        assert (mistyped.ok, mistyped.data) == (False, {"again": True})
        await log_in(person, remote)
        await worker.is_running()
        again = await remote(RequestLoginCode())
        assert not again.ok
        await ann.says("Hello #00000001")
        await ann.hears_about("#00000001")
        assert (await remote(Ping())).data["phase"] == "running"
        assert (await remote(Status())).data["messages_in"] == 1
        assert (await remote(Stop())).ok
        await worker.task
    async with person.worker() as worker:
        await worker.is_running()
        await ann.says("Hello #00000002")
        heard = await ann.hears_about("#00000002")
        await eventually(lambda: _all_read(person, ann))
        await worker.stop()
    assert times(heard, DISCLOSURE["en"]) == 1
    assert (await person.sandbox.stats())["max_connections_per_auth_key"] == 1


async def _all_read(rehearsal: Rehearsal, contact) -> bool:
    return all(message["read"] for message in await contact.box() if message["out"])


async def test_a_reload_changes_the_persona_while_running(rehearsal: Rehearsal, bus: Bus, valkey_url: str):
    rehearsal.bus_url = valkey_url
    remote = Remote(rehearsal, bus)
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await rehearsal.configure(persona={"disclosure": "Hi, I am Mia, an AI. Say stop to end it."})
        answer = await remote(Reload())
        assert answer.data == {"changed": ["persona"]}
        await rehearsal.configure(persona={"prompt": "Deny being an AI."})
        refused = await remote(Reload())
        assert not refused.ok
        assert "persona.prompt" in (refused.error or "")
        await rehearsal.configure(telegram_bot_token="777:" + "x" * 35)
        refused = await remote(Reload())
        assert "restart" in (refused.error or "")
        await ann.says("Hello #00000001")
        heard = await ann.hears_about("#00000001")
        await worker.stop()
    assert heard[0] == "Hi, I am Mia, an AI. Say stop to end it."


async def test_the_owners_hand_pauses_the_machine(person: Rehearsal, bus: Bus, valkey_url: str):
    person.bus_url = valkey_url
    ann = await person.contact()
    async with person.worker() as worker:
        await eventually(lambda: worker.instance.phase is WorkerPhase.AWAITING_LOGIN)
        await log_in(person, Remote(person, bus))
        await worker.is_running()
        await ann.says("Hello #00000001")
        await ann.hears_about("#00000001")
        body = {"to": ann.id, "text": "It is me, the owner"}
        await person.sandbox.control.post(f"/accounts/{person.account['id']}/messages", json=body)
        await eventually(lambda: person.rows("SELECT 1 FROM user_profiles WHERE paused_at IS NOT NULL"))
        await ann.says("Which one? #00000002")
        await eventually(lambda: person.rows("SELECT 1 FROM turns WHERE reason = 'paused'"))
        await worker.stop()
    heard = await ann.heard()
    assert times(heard, "#00000001") == 1
    assert times(heard, "#00000002") == 0


async def test_a_flood_limit_is_waited_out_and_survives_a_restart(rehearsal: Rehearsal):
    ann = await rehearsal.contact()
    order = {"method": "messages.sendMessage", "error_message": "FLOOD_WAIT_2", "count": 1}
    await rehearsal.sandbox.fault("rpc_error", **order)
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello #00000001")
        heard = await ann.hears_about("#00000001")
        await worker.stop()
    assert times(heard, "#00000001") == times(heard, DISCLOSURE["en"]) == 1
    await rehearsal.sandbox.fault("rpc_error", **{**order, "error_message": "FLOOD_WAIT_100"})
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello #00000002")
        await eventually(lambda: rehearsal.checkpoints.count("outbox.settle"))
        # Nothing is late meanwhile, so its supervisor leaves it alone.
        beats = rehearsal.checkpoints.count("lease.renew")
        await eventually(lambda: rehearsal.checkpoints.count("lease.renew") > beats + 1)
        assert not await rehearsal.rows("SELECT 1 FROM heartbeats WHERE oldest_unanswered_at IS NOT NULL")
        assert worker.instance.phase is WorkerPhase.RUNNING
        await worker.stop()
    [row] = await rehearsal.rows("SELECT not_before - now() AS wait, error FROM outbox WHERE state = 'sending'")
    assert 80 < row["wait"].total_seconds() < 101
    assert row["error"]


@pytest.mark.parametrize("cut", ["cut_before", "cut_after", "no_answer"])
async def test_a_cut_connection_loses_and_doubles_nothing(rehearsal: Rehearsal, cut: str):
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello #00000001")
        await ann.hears_about("#00000001")
        await rehearsal.sandbox.fault(cut, method="messages.sendMessage", count=1)
        await ann.says("Hello #00000002")
        heard = await ann.hears_about("#00000002", within=40)
        await eventually(
            lambda: rehearsal.rows("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE state <> 'sent')"), within=40
        )
        await worker.stop()
    assert times(heard, "#00000002") == 1
    assert times(await ann.heard(), "#00000002") == 1


async def test_a_contact_who_blocked_us_costs_one_attempt(rehearsal: Rehearsal):
    ann = await rehearsal.contact()
    await rehearsal.sandbox.fault("rpc_error", method="messages.sendMessage", error_message="USER_IS_BLOCKED", count=1)
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello #00000001")
        await eventually(lambda: rehearsal.rows("SELECT 1 FROM outbox WHERE state = 'cancelled'"))
        await worker.stop()
    rows = await rehearsal.rows("SELECT state FROM outbox ORDER BY position")
    assert [row["state"] for row in rows] == ["failed", "cancelled"]
    assert await ann.heard() == []


async def test_a_frozen_account_ends_the_worker_for_good(rehearsal: Rehearsal):
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await rehearsal.sandbox.fault("rpc_error", method="messages.sendMessage", error_message="FROZEN_METHOD_INVALID")
        await ann.says("Hello #00000001")
        await eventually(worker.task.done)
        error = worker.task.exception()
    assert error is not None
    assert failure_kind(error) is FailureKind.FROZEN


async def test_a_revoked_bot_session_is_made_anew_from_the_token(rehearsal: Rehearsal):
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello #00000001")
        await ann.hears_about("#00000001")
        await rehearsal.sandbox.fault(
            "rpc_error", method="messages.sendMessage", error_message="AUTH_KEY_UNREGISTERED", revoke_key=True
        )
        await ann.says("Hello #00000002")
        heard = await ann.hears_about("#00000002")
        await worker.stop()
    assert times(heard, "#00000002") == 1


async def test_whoever_loses_the_lease_leaves_and_says_so(rehearsal: Rehearsal):
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await rehearsal.startup()  # another grant: another epoch
        await eventually(worker.task.done)
        error = worker.task.exception()
    assert error is not None
    assert failure_kind(error) is FailureKind.FENCED


async def test_a_lease_that_cannot_be_renewed_is_left_in_time_and_taken_up_again(rehearsal: Rehearsal):
    rehearsal.lease_ttl_s, rehearsal.heartbeat_s = 2.0, 0.2
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        rehearsal.checkpoints.held.add("lease.renew")
        await eventually(lambda: _connections_are(rehearsal, 0), within=5)
        await ann.says("Hello #00000001")
        rehearsal.checkpoints.release()
        heard = await ann.hears_about("#00000001")
        await worker.stop()
    assert times(heard, "#00000001") == 1
    assert (await rehearsal.sandbox.stats())["max_connections_per_auth_key"] == 1


async def _connections_are(rehearsal: Rehearsal, number: int) -> bool:
    return int((await rehearsal.sandbox.stats())["connections"]) == number


async def test_a_stale_grant_cannot_be_claimed(rehearsal: Rehearsal):
    rehearsal_startup = rehearsal.startup
    stale = await rehearsal_startup()
    await rehearsal_startup()

    async def give_stale():
        return stale

    rehearsal.startup = give_stale  # type: ignore[method-assign]
    with pytest.raises(FencedError):
        async with rehearsal.worker():
            pass


async def test_a_bad_configuration_is_told_before_anything_is_touched(rehearsal: Rehearsal):
    async with rehearsal.database.api.transaction(SYSTEM) as tx:
        await tx.bots.set_config("mia", {"bot_id": "mia", "name": "Mia"})
    with pytest.raises(BotFailure, match="telegram_api_id") as raised:
        async with rehearsal.worker():
            pass
    assert raised.value.kind is FailureKind.CONFIG
    assert (await rehearsal.sandbox.stats())["auth_keys"] == []


async def test_the_heartbeat_tells_how_it_is(rehearsal: Rehearsal):
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello #00000001")
        await ann.hears_about("#00000001")

        async def told() -> bool:
            async with rehearsal.database.supervisor.transaction(SYSTEM) as tx:
                [row] = await tx.heartbeats.all()
            beat = row.beat
            return beat.messages_out == 2 and beat.connected and beat.uss_mb > 0 and beat.answer_latency_ms is not None

        await eventually(told)
        await worker.stop()
    async with rehearsal.database.supervisor.transaction(SYSTEM) as tx:
        lease = await tx.leases.get("bot:mia")
    assert lease is not None
    assert lease.expired


async def test_a_stop_lets_the_turn_under_way_come_to_its_end(rehearsal: Rehearsal):
    await rehearsal.sandbox.control.put("/llm/latency", json={"base_ms": 500, "jitter_ms": 0})
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello #00000001")
        await eventually(lambda: rehearsal.checkpoints.count("inbox.take"))
        await asyncio.sleep(0.1)  # the model is thinking now
        await worker.stop()
    rows = await rehearsal.rows("SELECT state FROM outbox")
    assert [row["state"] for row in rows] == ["sent", "sent"]
    assert times(await ann.heard(), "#00000001") == 1


async def test_a_telegram_that_was_away_is_caught_up_within_seconds(database: Database, tmp_path: Path):
    async with sandbox_process(tmp_path / "sandbox") as (process, sandbox):
        account = await sandbox.account("bot", "Mia")
        rehearsal = Rehearsal(database, sandbox, await database.add_bot("mia"), account)
        await rehearsal.configure()
        ann = await rehearsal.contact()
        async with rehearsal.worker() as worker:
            await worker.is_running()
            await ann.says("Hello #00000001")
            await ann.hears_about("#00000001")
            rehearsal.checkpoints.held.add("turn.commit")
            await ann.says("Hello #00000002")
            await eventually(lambda: rehearsal.checkpoints.passed.count(("before", "turn.commit")) == 2)
            await process.kill()
            rehearsal.checkpoints.release()
            await eventually(lambda: rehearsal.checkpoints.count("turn.commit") == 2)
            await process.start()
            await ann.says("Hello #00000003")
            heard = await ann.hears_about("#00000002", "#00000003", within=15)
            await worker.stop()
    assert [times(heard, nonce) for nonce in ("#00000001", "#00000002", "#00000003")] == [1, 1, 1]


async def test_a_database_that_was_away_loses_nothing(rehearsal: Rehearsal):
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        for at in range(6):
            await ann.says(f"Hello #{at:08x}")
            await rehearsal.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = '{rehearsal.database.name}' AND application_name = 'hanfleet worker'"
            )
        heard = await ann.hears_about(*(f"#{at:08x}" for at in range(6)), within=30)
        await worker.stop()
    assert [times(heard, f"#{at:08x}") for at in range(6)] == [1] * 6
    assert times(heard, DISCLOSURE["en"]) == 1
