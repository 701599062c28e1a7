"""Two workers never use one Telegram session at once, whatever is tried: the sandbox counts connections per auth key."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hanfleet.app import parts
from hanfleet.app.bootstrapping import make_ready
from hanfleet.app.children import child_environment
from hanfleet.app.embedded import EmbeddedPostgres, EmbeddedValkey
from hanfleet.app.erasure_ledger import ledger_of
from hanfleet.app.home import Home
from hanfleet.app.settings import Settings
from hanfleet.app.up import SERVICE_ROLES
from hanfleet.cli.stage.cast import roles
from hanfleet.cli.stage.stage import Stage
from hanfleet.core.startup import TelegramServer
from hanfleet.vault.master_key import read_key
from tests.acceptance.scene import assert_clean, assert_single_sessions, some_replies, traffic, verdict_of, workers
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("acceptance-3"),
    pytest.mark.timeout(180),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    async with Stage() as stage:
        await stage.add_bots(roles(3))
        yield stage


async def test_a_stalled_worker_is_killed_before_another_one_starts(stage: Stage) -> None:
    await stage.running()
    bot = stage.actors[0].role.bot_id
    async with traffic(stage, contacts=6, seed=31) as crowd:
        await some_replies(crowd, 6)
        stalled = (await workers(stage))[bot]
        os.kill(stalled, signal.SIGSTOP)

        async def replaced() -> bool:
            return (await workers(stage)).get(bot, stalled) != stalled

        await eventually(replaced, within=60, what="another worker runs")
        await stage.running()
        verdict = await verdict_of(crowd)
    assert_clean(verdict)
    await assert_single_sessions(stage)


async def test_severed_database_connections_cost_nothing(stage: Stage) -> None:
    await stage.running()
    async with traffic(stage, contacts=6, seed=32) as crowd:
        for _ in range(3):
            await some_replies(crowd, 4)
            _sever(_backends(stage))
        await some_replies(crowd, 6)
        await stage.running()
        verdict = await verdict_of(crowd)
    assert_clean(verdict)
    await assert_single_sessions(stage)


async def test_a_second_up_on_the_same_home_is_refused_with_a_sentence(stage: Stage) -> None:
    second = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hanfleet", "up", "--home", str(stage.home.path), "--api-port", "20999"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await second.communicate()
    assert second.returncode == 2, error.decode()
    assert "--home" in error.decode()
    assert "Traceback" not in error.decode()


async def test_a_second_launcher_on_the_same_database_stands_by(stage: Stage, tmp_path) -> None:
    """Another supervisor with another zygote, as a second machine would have: it must not start a single worker."""
    await stage.running()
    wiring = await _second_wiring(stage, Home.open(tmp_path / "second"))
    zygote, supervisor = parts.zygote(wiring), parts.supervisor(wiring)
    before = await workers(stage)
    try:
        await zygote.start()
        await supervisor.start()
        async with traffic(stage, contacts=6, seed=33) as crowd:
            await some_replies(crowd, 30)
            verdict = await verdict_of(crowd)
        assert await workers(stage) == before
        assert not list(wiring.home.bot_logs.iterdir()), "the second launcher started nobody"
        assert supervisor.pid is not None, "it waits for its hour"
    finally:
        await supervisor.stop()
        await zygote.stop()
        wiring.home.destroy()
    assert_clean(verdict)
    await assert_single_sessions(stage)


async def _second_wiring(stage: Stage, home: Home) -> parts.Wiring:
    first = stage.home
    postgres, valkey = EmbeddedPostgres(first), EmbeddedValkey(first)
    passwords = {role: first.secrets.get_or_make(f"database.{role}") for role in SERVICE_ROLES}
    outcome = await make_ready(
        postgres.url,
        valkey.url,
        passwords,
        ledger=ledger_of(home),
        environ=child_environment(),
        log=home.logs / "bootstrap.log",
    )
    return parts.Wiring(
        home=home,
        settings=Settings(),
        urls=outcome.urls,
        redis_url=valkey.url,
        master_key=read_key(first.master_key),
        node="another-machine",
        telegram_server=TelegramServer.model_validate(stage.sandbox.info),
    )


def _backends(stage: Stage) -> list[int]:
    """The database's processes that serve workers; their titles name the role, and bots' roles have no service's name."""
    from pathlib import Path

    found = []
    server = stage.fleet.processes()["postgres"]
    for child in Path(f"/proc/{server}/task/{server}/children").read_text().split():
        title = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace")
        role = title.removeprefix("postgres: ").partition(" ")[0]
        if role.startswith("hf_") and not role.endswith(tuple(SERVICE_ROLES)):
            found.append(int(child))
    return found


def _sever(backends: list[int]) -> None:
    """What pg_terminate_backend does: the connection is gone, the server lives."""
    assert backends
    for pid in backends:
        os.kill(pid, signal.SIGTERM)
