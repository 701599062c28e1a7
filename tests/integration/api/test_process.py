"""The API as the process that `up` starts: secrets by the start-up channel, a real port, SIGTERM."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretBytes, SecretStr

from hanfleet.app.api_main import serve
from hanfleet.app.api_payload import ApiPayload
from hanfleet.app.startup_channel import VARIABLE, offered
from hanfleet.core.errors import PermanentError
from tests.support.database import Database
from tests.support.operators import bot_document
from tests.support.ports import free_port
from tests.support.waiting import eventually


@pytest.fixture
def payload(database: Database, valkey_url: str, tmp_path: Path) -> ApiPayload:
    return ApiPayload(
        database_url=SecretStr(database.urls.api),
        redis_url=SecretStr(valkey_url),
        master_key=SecretBytes(b"m" * 32),
        api_token=SecretStr("the-token"),
        port=free_port(),
        bot_logs=tmp_path,
        ledger=tmp_path / "erased.jsonl",
        erasure_key=SecretBytes(b"e" * 32),
        backups_kept=timedelta(days=35),
    )


def start(payload: ApiPayload, log: Path) -> subprocess.Popen[bytes]:
    with offered(payload.to_wire()) as descriptor, log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "hanfleet.app.api_main"],
            env={VARIABLE: str(descriptor), "PATH": "/usr/bin:/bin"},
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


@pytest.fixture
def process(payload: ApiPayload, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = start(payload, tmp_path / "api.log")
    yield process
    process.kill()
    process.wait()


async def healthy(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False


def test_a_payload_survives_the_channel_and_prints_no_secret(payload: ApiPayload) -> None:
    assert ApiPayload.from_wire(payload.to_wire()) == payload
    assert "the-token" not in repr(payload)


async def test_it_serves_until_sigterm(
    process: subprocess.Popen[bytes], payload: ApiPayload, tmp_path: Path, bot_id: str
) -> None:
    url = f"http://127.0.0.1:{payload.port}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        await eventually(lambda: healthy(client), within=30)
        assert (await client.get("/api/bots")).status_code == 401
        headers = {"Authorization": "Bearer the-token"}
        added = await client.post("/api/bots", json=bot_document(bot_id), headers=headers)
        assert added.status_code == 201
        assert "server" not in added.headers
        started_with = Path(f"/proc/{process.pid}/environ").read_bytes()
        started_with += Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert b"the-token" not in started_with
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    log = (tmp_path / "api.log").read_text()
    assert "sk-very-secret" not in log
    assert "the-token" not in log


async def test_a_taken_port_is_one_sentence(
    process: subprocess.Popen[bytes], payload: ApiPayload, tmp_path: Path
) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{payload.port}", trust_env=False) as client:
        await eventually(lambda: healthy(client), within=30)
    second = start(payload, tmp_path / "second.log")
    assert second.wait(30) == 1
    log = (tmp_path / "second.log").read_text()
    assert "choose another with --api-port" in log
    assert "Traceback" not in log


async def test_it_closes_everything_on_the_way_out(payload: ApiPayload) -> None:
    """The same in this process: what it opened would be a warning, and a warning fails the test."""
    serving = asyncio.create_task(serve(payload))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{payload.port}", trust_env=False) as client:
        await eventually(lambda: healthy(client), within=30)
        with pytest.raises(PermanentError, match="choose another with --api-port"):
            await serve(payload)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 10)
