"""A sandbox, an account of each kind for us, and somebody to talk to."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.transports.recorder import Recorder
from tests.support.sandbox import SandboxHandle, running_sandbox


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxHandle]:
    async with running_sandbox(tmp_path) as handle:
        yield handle


@pytest.fixture
async def ann(sandbox: SandboxHandle) -> dict[str, Any]:
    """The contact."""
    return await sandbox.account("user", "Ann")


@pytest.fixture
async def user(sandbox: SandboxHandle) -> dict[str, Any]:
    return await sandbox.account("user", "Mia")


@pytest.fixture
async def bot(sandbox: SandboxHandle) -> dict[str, Any]:
    return await sandbox.account("bot", "Helper")


@pytest.fixture(params=["user", "bot"])
async def us(request: pytest.FixtureRequest, sandbox: SandboxHandle) -> dict[str, Any]:
    """Our account, of each kind in turn."""
    return await sandbox.account(request.param, "Mia")


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()
