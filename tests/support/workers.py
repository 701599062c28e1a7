"""One worker in this process against a real database, a sandbox and its model: for walks, faults and interruptions."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretBytes, SecretStr

from hanfleet.app.worker_main import compose
from hanfleet.core.config import BotConfig
from hanfleet.core.startup import TelegramServer, WorkerStartup
from hanfleet.core.states import WorkerPhase
from hanfleet.launchers.process_table import node_name, ref_of
from hanfleet.transports import Transport
from hanfleet.vault.cipher import Cipher
from hanfleet.worker.instance import BotInstance
from hanfleet.worker.ledger import Ledger, Step
from tests.support.database import SYSTEM, BotLogIn, Database
from tests.support.sandbox import API_HASH, API_ID, SandboxHandle
from tests.support.waiting import eventually

DATA_KEY = bytes(range(32))
AT_ONCE = {"wait_for_more_s": 0, "max_typing_s": 0, "split_at_chars": 4000}


class CrashError(BaseException):
    """The process is gone: nothing of ours may handle it, and none of its steps or sends succeeds any more."""


@dataclass
class Checkpoints:
    """Counts steps and sends, and crashes at the one that is asked for: ``(place, step)``, such as ("after", "turn.commit")."""

    crash_at: tuple[str, str] | None = None
    passed: list[tuple[str, str]] = field(default_factory=list)
    crashed: bool = False
    task: asyncio.Task[None] | None = None
    held: set[str] = field(default_factory=set)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def gate(self, step: str) -> None:
        """Wait while ``step`` is held, as if the database did not answer."""
        while step in self.held:
            self.released.clear()
            await self.released.wait()

    def release(self) -> None:
        self.held.clear()
        self.released.set()

    def pass_by(self, place: str, step: str) -> None:
        self.passed.append((place, step))
        if self.crash_at == (place, step):
            self.crash_at, self.crashed = None, True
            if self.task is not None:
                self.task.cancel()
        if self.crashed:
            raise CrashError(f"{place} {step}")

    def count(self, step: str) -> int:
        return self.passed.count(("after", step))


class WatchedLedger:
    """A ledger that tells its checkpoints of every step."""

    def __init__(self, ledger: Ledger, checkpoints: Checkpoints) -> None:
        self._ledger = ledger
        self._checkpoints = checkpoints

    async def run(self, step: Step, fn: Any) -> Any:
        self._checkpoints.pass_by("before", step)
        await self._checkpoints.gate(step)
        result = await self._ledger.run(step, fn)
        self._checkpoints.pass_by("after", step)
        return result


class WatchedTransport:
    """A transport that tells its checkpoints of every send."""

    def __init__(self, transport: Transport, checkpoints: Checkpoints) -> None:
        self._transport = transport
        self._checkpoints = checkpoints

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    async def send_text(self, chat_id: int, text: str, random_id: int) -> Any:
        self._checkpoints.pass_by("before", "send")
        sent = await self._transport.send_text(chat_id, text, random_id)
        self._checkpoints.pass_by("after", "send")
        return sent


@dataclass
class RunningWorker:
    instance: BotInstance
    task: asyncio.Task[None]
    stopping: asyncio.Event

    async def is_running(self) -> None:
        await eventually(lambda: self.task.done() or self.instance.phase is WorkerPhase.RUNNING, what="running")
        if self.task.done():
            await self.task

    async def stop(self) -> None:
        self.stopping.set()
        await self.task


@dataclass
class Rehearsal:
    """A bot with its account, and what contacts do to it."""

    database: Database
    sandbox: SandboxHandle
    bot: BotLogIn
    account: dict[str, Any]
    bus_url: str | None = None
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    lease_ttl_s: float = 15.0
    heartbeat_s: float = 0.5
    window: Any = None

    @property
    def cipher(self) -> Cipher:
        return Cipher(DATA_KEY)

    async def configure(self, **changes: Any) -> None:
        """Store the bot's configuration and secrets."""
        parts: dict[str, Any] = {
            "bot_id": self.bot.bot_id,
            "name": "Mia",
            "telegram_api_id": API_ID,
            "telegram_api_hash": API_HASH,
            "openai_api_key": "sk-rehearsal",
            "llm": {"base_url": self.sandbox.info["llm_url"], "timeout_s": 5},
            "pacing": AT_ONCE,
        }
        log_in = {"telegram_bot_token": self.account["token"]} if self.account["kind"] == "bot" else {}
        log_in = log_in or {"telegram_phone": self.account["phone"]}
        config = BotConfig.model_validate({**parts, **log_in, **changes})
        async with self.database.api.transaction(SYSTEM) as tx:
            await tx.bots.set_config(config.bot_id, config.public())
            for name, value in config.secrets().items():
                await tx.secrets.put(config.bot_id, name, self.cipher.seal(config.bot_id, name, value.encode()))

    async def startup(self) -> WorkerStartup:
        """A fresh grant of the lease, as the supervisor gives it."""
        async with self.database.supervisor.transaction(SYSTEM) as tx:
            epoch = await tx.leases.grant(f"bot:{self.bot.bot_id}", self.lease_ttl_s)
            us = ref_of(os.getpid(), node_name())
            assert us is not None
            await tx.leases.name_holder(f"bot:{self.bot.bot_id}", epoch, us)
        return WorkerStartup(
            bot_id=self.bot.bot_id,
            epoch=epoch,
            lease_ttl_s=self.lease_ttl_s,
            heartbeat_s=self.heartbeat_s,
            database_url=SecretStr(self.bot.url),
            bus_url=SecretStr(self.bus_url) if self.bus_url else None,
            data_keys={1: SecretBytes(DATA_KEY)},
            telegram_server=TelegramServer.model_validate(self.sandbox.info),
        )

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[RunningWorker]:
        """A worker that runs until the block ends; what ended it by itself is raised by ``task``."""
        stopping = asyncio.Event()
        self.checkpoints.crashed = False
        composed = compose(
            await self.startup(),
            stopping,
            wrap_ledger=lambda ledger: WatchedLedger(ledger, self.checkpoints),
            wrap_transport=lambda transport: WatchedTransport(transport, self.checkpoints),
        )
        async with AsyncExitStack() as stack:
            stack.enter_context(suppress(CrashError))  # a dead worker cannot give its lease back either
            instance = await stack.enter_async_context(composed)
            task = asyncio.create_task(instance.run())
            self.checkpoints.task = task
            worker = RunningWorker(instance, task, stopping)
            try:
                yield worker
            finally:
                stopping.set()
                await asyncio.wait([task])
                if not task.cancelled():
                    task.exception()

    async def contact(self, name: str = "Ann", **fields: Any) -> "Contact":
        return Contact(self, await self.sandbox.account(first_name=name, **fields))

    async def rows(self, statement: str) -> list[Any]:
        """What the database holds, seen by the superuser."""
        if self.window is None:
            self.window = await self.database.connect()
        return list(await self.window.fetch(statement))


@dataclass
class Contact:
    """A person at the other end."""

    rehearsal: Rehearsal
    account: dict[str, Any]

    @property
    def id(self) -> int:
        return int(self.account["id"])

    async def says(self, text: str) -> int:
        body = {"to": self.rehearsal.account["id"], "text": text}
        answer = await self.rehearsal.sandbox.control.post(f"/accounts/{self.id}/messages", json=body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    async def box(self) -> list[dict[str, Any]]:
        return await self.rehearsal.sandbox.messages(self.id)

    async def heard(self) -> list[str]:
        """What the bot wrote to this person, oldest first."""
        return [message["text"] for message in await self.box() if not message["out"]]

    async def hears(self, condition: Callable[[list[str]], bool], *, within: float = 10) -> list[str]:
        """Wait until what was heard fits."""

        async def fits() -> list[str] | None:
            heard = await self.heard()
            return heard if condition(heard) else None

        try:
            return list(await eventually(fits, within=within))
        except AssertionError as late:
            raise AssertionError(f"{late}; heard {json.dumps(await self.heard(), ensure_ascii=False)}") from late

    async def hears_about(self, *words: str, within: float = 10) -> list[str]:
        return await self.hears(lambda heard: all(any(word in text for text in heard) for word in words), within=within)


def times(heard: list[str], word: str) -> int:
    """In how many messages ``word`` was heard."""
    return sum(word in text for text in heard)
