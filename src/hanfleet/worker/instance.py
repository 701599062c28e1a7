"""One bot, running: what is composed for it, its root tasks, and the order in which they end.

It takes ledger, lease, model, transport and bus as they are given; opening and closing those is the composition root's.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hanfleet.core.config import BotConfig
from hanfleet.core.errors import ConflictError
from hanfleet.core.startup import TelegramServer
from hanfleet.core.states import WorkerPhase
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.llm import Model
from hanfleet.store.records import Open, Seal
from hanfleet.store.texts import Texts
from hanfleet.worker.commands import Commands, Queue
from hanfleet.worker.desk import Desk
from hanfleet.worker.heartbeat import Heartbeat
from hanfleet.worker.lanes import Lanes
from hanfleet.worker.lease import LeaseKeeper
from hanfleet.worker.ledger import Ledger
from hanfleet.worker.line import Line
from hanfleet.worker.login import Login
from hanfleet.worker.outbox import Postman
from hanfleet.worker.presence import MakeTransport, Presence
from hanfleet.worker.settings import load_config, needs_restart
from hanfleet.worker.turn import TurnMaker

DRAIN_S = 10.0
_log = get_logger("instance")


@dataclass(frozen=True)
class Surroundings:
    """What a bot stands in. ``queue`` is None where there is no bus; ``make_model`` makes an unconnected model."""

    ledger: Ledger
    lease: LeaseKeeper
    make_transport: MakeTransport
    make_model: Callable[[BotConfig], Model]
    seal: Seal
    open_: Open
    texts: Texts
    queue: Queue | None
    server: TelegramServer | None
    heartbeat_s: float
    clock: Clock
    chance: random.Random


class BotInstance:
    """One bot's Telegram client, contacts, replies. The lease must have been claimed."""

    def __init__(
        self, bot_id: str, config: BotConfig, surroundings: Surroundings, stopping: asyncio.Event | None = None
    ) -> None:
        self.bot_id = bot_id
        self._around = surroundings
        self._stopping = stopping or asyncio.Event()
        surroundings.texts.sealing = config.data_isolation.encrypt_messages
        self._desk = Desk(
            bot_id,
            config,
            surroundings.make_model(config),
            surroundings.ledger,
            Line(surroundings.lease.is_safe),
            surroundings.clock,
            surroundings.chance,
        )
        self._postman = Postman(self._desk)
        self._lanes = Lanes(self._desk, TurnMaker(self._desk), self._postman)
        self._login = Login(self._desk)
        self._presence = Presence(
            self._desk,
            surroundings.lease,
            self._login,
            self._lanes,
            make_transport=surroundings.make_transport,
            seal=surroundings.seal,
            open_=surroundings.open_,
            server=surroundings.server,
        )

    @property
    def phase(self) -> WorkerPhase:
        return self._desk.phase

    def stop(self) -> None:
        """Begin to end, as setting ``stopping`` does: drain, leave, return from `run`. Safe to repeat."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until `stop`. Raises an exception group with the failure that ended it otherwise."""
        heartbeat = Heartbeat(self._desk, self._around.lease, self._around.heartbeat_s)
        try:
            async with asyncio.TaskGroup() as root:
                beating = root.create_task(heartbeat.run(), name="heartbeat")
                serving = root.create_task(self._lanes.run(), name="lanes")
                present = root.create_task(self._presence.run(), name="presence")
                listening = root.create_task(self._listen(), name="commands")
                await self._stopping.wait()
                await self._drain()
                # Telegram is left first and the lease kept up until then; nobody may come in before we are out.
                for task in (listening, serving, present):
                    await _end(task)
                await _end(beating)
        finally:
            await self._desk.model.close()

    async def _drain(self) -> None:
        """Refuse new work, let the turns and sends under way come to their end."""
        self._desk.enter(WorkerPhase.STOPPING)
        self._desk.leaving.set()
        await self._lanes.drain(DRAIN_S)
        await self._postman.finish_asides()

    async def _listen(self) -> None:
        if self._around.queue is not None:
            commands = Commands(self._desk, self._login, stop=self.stop, reload=self._reload)
            await commands.run(self._around.queue)

    async def _reload(self) -> dict[str, Any]:
        """Read the configuration again and apply it. Raises ConflictError where only a restart can."""
        before = self._desk.config
        after = await load_config(self._around.ledger, self.bot_id, self._around.open_)
        if needs_restart(before, after):
            raise ConflictError("The Telegram log-in data changed: restart the bot to use it.")
        changed = [name for name in BotConfig.model_fields if getattr(before, name) != getattr(after, name)]
        self._desk.config = after
        self._around.texts.sealing = after.data_isolation.encrypt_messages
        if {"llm", "openai_api_key"} & set(changed):
            old, self._desk.model = self._desk.model, self._around.make_model(after)
            await old.close()
        _log.info("reloaded", changed=changed)
        return {"changed": changed}


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel and wait. What it raises on its way out reaches the task group by itself."""
    task.cancel()
    await asyncio.wait([task])
