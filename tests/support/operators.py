"""An operator's view of a fleet without a supervisor: the manager on a real database and bus, and a worker's voice."""

import asyncio
import itertools
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hanfleet.bus import IPCManager, open_bus
from hanfleet.control import MultiBotManager
from hanfleet.control.erasure import Ledger
from hanfleet.core.commands import Command, Response
from hanfleet.core.process import ProcessRef
from hanfleet.core.states import BotState, WorkerPhase
from hanfleet.kit.clock import SystemClock
from hanfleet.store.principals import BotPrincipal
from hanfleet.store.records import Beat
from hanfleet.vault import Cipher, MasterKey
from tests.support.database import SYSTEM, Database

MASTER_KEY = MasterKey(b"m" * 32)
API_HASH = "0123456789abcdef0123456789abcdef"
BACKUPS_KEPT = timedelta(days=35)
Answer = Callable[[Command], Response | dict[str, Any] | str]


def bot_document(bot_id: str, **changes: Any) -> dict[str, Any]:
    """A body of POST /api/bots that is accepted."""
    return {
        "bot_id": bot_id,
        "name": "Mira",
        "telegram_api_id": 12345,
        "telegram_api_hash": API_HASH,
        "telegram_phone": "+15550100",
        "openai_api_key": "sk-very-secret",
        **changes,
    }


async def exported(manager: MultiBotManager, bot_id: str, chat_id: int) -> dict[str, Any]:
    """The whole document about a contact."""
    document: dict[str, Any] = json.loads("".join([piece async for piece in manager.contacts.export(bot_id, chat_id)]))
    return document


class FleetHand:
    """What supervisor and worker would do, done by hand."""

    def __init__(self, database: Database, ipc: IPCManager) -> None:
        self._database = database
        self._ipc = ipc

    async def set_status(self, bot_id: str, *path: BotState) -> None:
        """Lead the bot's state along ``path``, its present state first."""
        async with self._database.supervisor.transaction(SYSTEM) as tx:
            for before, after in itertools.pairwise(path):
                assert await tx.bots.set_status(bot_id, before, after, reason="By hand.")

    async def beat(self, bot_id: str, phase: WorkerPhase) -> None:
        """One heartbeat, as the bot's own role under a fresh lease."""
        async with self._database.supervisor.transaction(SYSTEM) as tx:
            epoch = await tx.leases.grant(f"bot:{bot_id}", 60)
            ref = ProcessRef("node", "boot", 1, 1)
            await tx.leases.name_holder(f"bot:{bot_id}", epoch, ref)
        login = await self._database.provisioner.rotate(bot_id)
        store = await self._database.store(login.url)
        async with store.transaction(BotPrincipal(bot_id)) as tx:
            await tx.leases.claim(epoch, ref, 60)
            beat = Beat(phase=phase, connected=True, uss_mb=21.5, messages_in=3, messages_out=2, loop_lag_ms=1.5)
            assert await tx.heartbeats.beat(epoch, beat)

    async def data_key(self, bot_id: str) -> bytes:
        async with self._database.api.transaction(SYSTEM) as tx:
            [key] = await tx.keys.read(bot_id)
        return MASTER_KEY.unwrap(bot_id, key.wrapped)

    async def opened_secrets(self, bot_id: str) -> dict[str, str]:
        """The secrets as the bot's worker would open them."""
        cipher = Cipher(await self.data_key(bot_id))
        async with self._database.api.transaction(SYSTEM) as tx:
            sealed = await tx.secrets.all(bot_id)
        return {name: cipher.open(bot_id, name, value).decode() for name, value in sealed.items()}

    async def events(self, bot_id: str) -> list[str]:
        """The types of the bot's stored events, oldest first."""
        async with self._database.api.transaction(SYSTEM) as tx:
            return [event.type for event in await tx.events.list(bot_id=bot_id)]

    @asynccontextmanager
    async def worker(self, bot_id: str, answer: Answer) -> AsyncIterator[list[Command]]:
        """Answer the bot's commands: with data, a refusal (a sentence), or a whole Response."""
        cipher = Cipher(await self.data_key(bot_id))
        queue = self._ipc.setup_message_queue(bot_id, unseal=partial(cipher.open, bot_id, "command"))
        seen: list[Command] = []

        async def work() -> None:
            async for command_id, command in queue.receive():
                seen.append(command)
                said = answer(command)
                if isinstance(said, Response):
                    await queue.reply(said.model_copy(update={"command_id": command_id}))
                    continue
                refused = isinstance(said, str)
                await queue.reply(
                    Response(
                        command_id=command_id,
                        ok=not refused,
                        error=said if isinstance(said, str) else None,
                        data=said if isinstance(said, dict) else {},
                    )
                )

        task = asyncio.create_task(work())
        try:
            yield seen
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def bot_id() -> str:
    """An id of this test's own: the bus is shared."""
    return f"bot-{secrets.token_hex(4)}"


@pytest_asyncio.fixture
async def ipc(valkey_url: str) -> AsyncIterator[IPCManager]:
    async with open_bus(valkey_url, clock=SystemClock(), name="test") as bus:
        yield IPCManager(bus)


@pytest.fixture
def hand(database: Database, ipc: IPCManager) -> FleetHand:
    return FleetHand(database, ipc)


@pytest.fixture
def bot_logs(tmp_path: Path) -> Path:
    folder = tmp_path / "bots"
    folder.mkdir()
    return folder


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path / "backups", tmp_path / "erasure.key")


@pytest.fixture
def manager(database: Database, ipc: IPCManager, bot_logs: Path, ledger: Ledger) -> MultiBotManager:
    return MultiBotManager(database.api, ipc, MASTER_KEY, bot_logs=bot_logs, ledger=ledger, backups_kept=BACKUPS_KEPT)
