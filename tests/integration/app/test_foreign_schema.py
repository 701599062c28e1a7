"""Each process looks once at the schema that it meets, and serves nobody on another one."""

import asyncio
import os
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretBytes, SecretStr

from hanfleet.app.api_payload import ApiPayload
from hanfleet.app.payloads import SupervisorPayload
from hanfleet.app.startup_channel import VARIABLE, offered
from hanfleet.app.worker_main import compose
from hanfleet.core.errors import BotFailure
from hanfleet.core.failures import FailureKind
from hanfleet.core.startup import WorkerStartup
from hanfleet.launchers.process_table import node_name
from tests.support.database import Database
from tests.support.ports import free_port

KEY = random.Random(1).randbytes(32)


async def _move_on(database: Database) -> None:
    raw = await database.connect(database.urls.owner)
    await raw.execute("UPDATE alembic_version SET version_num = '9999'")


def _ends(module: str, payload: bytes) -> tuple[int, str]:
    """The process's exit status and its log."""
    with offered(payload) as descriptor:
        ended = subprocess.run(
            [sys.executable, "-m", module],
            env={**os.environ, VARIABLE: str(descriptor)},
            pass_fds=(descriptor,),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    return ended.returncode, ended.stdout + ended.stderr


async def test_the_supervisor_ends_with_a_sentence(database: Database, valkey_url: str, tmp_path: Path) -> None:
    await _move_on(database)
    payload = SupervisorPayload(
        database_url=SecretStr(database.urls.supervisor),
        provisioner_url=SecretStr(database.urls.provisioner),
        relay_url=SecretStr(database.urls.relay),
        redis_url=SecretStr(valkey_url),
        master_key=SecretBytes(KEY),
        node=node_name(),
        zygote_socket=tmp_path / "zygote.sock",
        exits_dir=tmp_path,
        bot_logs=tmp_path,
        audit_heads=tmp_path / "heads.jsonl",
    )
    status, said = _ends("hanfleet.app.supervisor_main", payload.to_wire())
    assert status == 1
    assert "revision 9999, which is newer than this release knows" in said


async def test_the_api_ends_with_a_sentence(database: Database, valkey_url: str, tmp_path: Path) -> None:
    await _move_on(database)
    payload = ApiPayload(
        database_url=SecretStr(database.urls.api),
        redis_url=SecretStr(valkey_url),
        master_key=SecretBytes(KEY),
        api_token=SecretStr("token"),
        host="127.0.0.1",
        port=free_port(),
        bot_logs=tmp_path,
        ledger=tmp_path / "erased.jsonl",
        erasure_key=SecretBytes(b"e" * 32),
        backups_kept=timedelta(days=35),
        log_level="INFO",
    )
    status, said = _ends("hanfleet.app.api_main", payload.to_wire())
    assert status == 1
    assert "revision 9999, which is newer than this release knows" in said


async def test_a_worker_ends_before_it_claims_its_lease(database: Database) -> None:
    bot = await database.add_bot()
    await _move_on(database)
    startup = WorkerStartup(
        bot_id="anna", epoch=bot.epoch, database_url=SecretStr(bot.url), bus_url=None, data_keys={1: SecretBytes(KEY)}
    )
    with pytest.raises(BotFailure, match="revision 9999") as refused:
        async with compose(startup, asyncio.Event()):
            pass
    assert refused.value.kind is FailureKind.TRANSIENT
    raw = await database.connect()
    assert await raw.fetchval("SELECT pid FROM leases WHERE name = 'bot:anna'") is None
