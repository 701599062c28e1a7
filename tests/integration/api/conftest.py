from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from hanfleet.control import MultiBotManager
from tests.support.front import AUTHORIZED, front_of
from tests.support.operators import bot_id, bot_logs, hand, ipc, ledger, manager

__all__ = ["bot_id", "bot_logs", "hand", "ipc", "ledger", "manager"]


@pytest_asyncio.fixture
async def api(manager: MultiBotManager) -> AsyncIterator[httpx.AsyncClient]:
    """A client that holds the token."""
    transport = httpx.ASGITransport(front_of(manager), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://fleet", headers=AUTHORIZED) as client:
        yield client
