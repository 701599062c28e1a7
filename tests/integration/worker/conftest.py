from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.database import Database
from tests.support.sandbox import SandboxHandle, running_sandbox
from tests.support.workers import Rehearsal


@pytest_asyncio.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxHandle]:
    async with running_sandbox(tmp_path) as handle:
        yield handle


@pytest_asyncio.fixture
async def rehearsal(database: Database, sandbox: SandboxHandle) -> Rehearsal:
    """A bot with a token that answers at once."""
    account = await sandbox.account("bot", "Mia", username="mia_bot")
    rehearsal = Rehearsal(database, sandbox, await database.add_bot("mia"), account)
    await rehearsal.configure()
    return rehearsal
