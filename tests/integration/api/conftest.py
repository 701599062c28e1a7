from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from pydantic import SecretStr

from hanfleet.api import create_app
from hanfleet.control import MultiBotManager
from tests.support.operators import bot_id, bot_logs, hand, ipc, ledger, manager

__all__ = ["bot_id", "bot_logs", "hand", "ipc", "ledger", "manager"]
TOKEN = "token-of-the-test"


@pytest_asyncio.fixture
async def api(manager: MultiBotManager) -> AsyncIterator[httpx.AsyncClient]:
    """A client that holds the token."""
    transport = httpx.ASGITransport(create_app(manager, api_token=SecretStr(TOKEN)), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://fleet", headers=headers) as client:
        yield client
