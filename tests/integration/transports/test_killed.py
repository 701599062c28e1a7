"""kill -9 in the middle of everything: before a commit, after one, again and again, while messages keep coming."""

import asyncio
import random
import sqlite3
import sys
from pathlib import Path
from typing import Any

from tests.integration.transports import receiver
from tests.integration.transports.recorder import Recorder, online, say
from tests.support.sandbox import SandboxHandle

MESSAGES = 120
LIVES = 60


async def test_nothing_is_lost_and_nothing_repeated(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any], tmp_path: Path
) -> None:
    async with online(sandbox, recorder, us):
        pass
    stored = recorder.stored()
    assert stored is not None
    path = tmp_path / "received.sqlite"
    receiver.create(path, stored)
    chance = random.Random(7)
    writing = asyncio.create_task(_keep_writing(sandbox, us, ann))
    kills = 0
    for life in range(LIVES):
        if writing.done() and len(_column(path, "SELECT text FROM messages")) == MESSAGES:
            break
        kills += await _live(sandbox, path, life, chance)
    await writing
    assert kills >= 4
    assert _column(path, "SELECT text FROM messages ORDER BY number") == [str(number) for number in range(MESSAGES)]
    assert _column(path, "SELECT text FROM repeated") == []


async def _keep_writing(sandbox: SandboxHandle, us: dict[str, Any], ann: dict[str, Any]) -> None:
    for number in range(MESSAGES):
        await say(sandbox, ann, us, str(number))
        await asyncio.sleep(0.03)


async def _live(sandbox: SandboxHandle, path: Path, seed: int, chance: random.Random) -> int:
    """One life, which ends by a kill from within or, after a while, from without: gives 1."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.transports.receiver",
        *map(str, (sandbox.directory / "sandbox.json", path, seed)),
    )
    try:
        async with asyncio.timeout(chance.uniform(1, 4)):
            status = await process.wait()
    except TimeoutError:
        process.kill()
        status = await process.wait()
    assert status == -9, "the receiver failed by itself"
    return 1


def _column(path: Path, query: str) -> list[str]:
    database = sqlite3.connect(path)
    try:
        return [row[0] for row in database.execute(query)]
    finally:
        database.close()
