"""kill -9 in the middle of everything: before a commit, after one, again and again, while messages keep coming."""

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.transports import receiver
from tests.integration.transports.recorder import Recorder, online, say
from tests.support.sandbox import SandboxHandle
from tests.support.waiting import eventually

LIVES = 5
MESSAGES = 60


@pytest.mark.timeout(240)
async def test_nothing_is_lost_and_nothing_repeated(
    sandbox: SandboxHandle, recorder: Recorder, user: dict[str, Any], ann: dict[str, Any], tmp_path: Path
) -> None:
    async with online(sandbox, recorder, user):
        pass
    stored = recorder.stored()
    assert stored is not None
    path = tmp_path / "received.sqlite"
    receiver.create(path, stored)
    chance = random.Random(7)
    written: list[str] = []
    writing = asyncio.create_task(_keep_writing(sandbox, user, ann, written))
    lives = 0
    while lives < LIVES or len(written) < MESSAGES:  # a quick machine gets through five lives before much is said
        assert not writing.done(), "the writer gave up"
        await _one_life(sandbox, path, lives, chance)
        lives += 1
    writing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await writing
    # What was being written when the writer stopped may or may not have gone out: Ann's own box knows.
    sent = [m["text"] for m in await sandbox.messages(ann["id"], peer=user["id"], limit=10_000)]
    assert len(sent) >= MESSAGES - 1
    async with _process(sandbox, path, seed=-1):
        await eventually(lambda: len(_column(path, "SELECT text FROM messages")) >= len(sent), within=60)
    assert _column(path, "SELECT text FROM messages ORDER BY number") == sent
    assert _column(path, "SELECT text FROM repeated") == []


async def _keep_writing(sandbox: SandboxHandle, us: dict[str, Any], ann: dict[str, Any], written: list[str]) -> None:
    while True:
        written.append(str(len(written)))
        await say(sandbox, ann, us, written[-1])
        await asyncio.sleep(0.03)


async def _one_life(sandbox: SandboxHandle, path: Path, seed: int, chance: random.Random) -> None:
    """Until it strikes itself, or is struck at any moment of its first half second online."""
    async with _process(sandbox, path, seed) as process:
        assert process.stdout is not None
        if await process.stdout.readline():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(chance.uniform(0, 0.5)):
                    await process.wait()


@contextlib.asynccontextmanager
async def _process(sandbox: SandboxHandle, path: Path, seed: int) -> Any:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.transports.receiver",
        *map(str, (sandbox.directory / "sandbox.json", path, seed)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        # Not by process.kill(): that looks first whether it has died already, and takes its status from asyncio then.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        status = await process.wait()
        await process.communicate()
    assert status == -signal.SIGKILL, "the receiver ended by itself"


def _column(path: Path, query: str) -> list[str]:
    database = sqlite3.connect(path)
    try:
        return [row[0] for row in database.execute(query)]
    finally:
        database.close()
