"""What a worker's store does with a transport, in memory: one batch is one transaction, and unique ids."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from hanfleet.core.errors import BotFailure
from hanfleet.core.messages import Entity, InboundMessage, SessionSnapshot, UpdateBatch
from hanfleet.core.startup import TelegramServer
from hanfleet.kit.clock import SystemClock
from hanfleet.transports import Transport, TransportCallbacks, TransportSettings, make_transport
from tests.support.sandbox import API_HASH, API_ID, SandboxHandle


class Recorder:
    """Everything that would be durable, and how often something came twice."""

    def __init__(self) -> None:
        self.snapshot: SessionSnapshot | None = None
        self.entities: dict[int, Entity] = {}
        self.messages: dict[tuple[int, int], InboundMessage] = {}
        self.repeated: list[InboundMessage] = []
        self.batches: list[UpdateBatch] = []
        self.snapshots: list[SessionSnapshot] = []
        self.losses: list[BotFailure] = []
        self.refusal: Exception | None = None
        self.pause: asyncio.Event | None = None
        self.paused = False

    async def on_batch(self, batch: UpdateBatch) -> None:
        if self.pause is not None:
            self.paused = True
            await self.pause.wait()
        if self.refusal is not None:
            raise self.refusal
        self.batches.append(batch)
        for message in batch.messages:
            key = (message.chat_id, message.telegram_id)
            if key in self.messages:
                self.repeated.append(message)
            self.messages[key] = message
        self.entities.update((entity.id, entity) for entity in batch.entities)
        if batch.state is not None:
            assert self.snapshot is not None
            self.snapshot = dataclasses.replace(self.snapshot, state=batch.state)

    async def on_session(self, snapshot: SessionSnapshot) -> None:
        if self.refusal is not None and snapshot.telegram_user_id is not None:
            raise self.refusal
        self.snapshots.append(snapshot)
        if snapshot.telegram_user_id is None and self.snapshot is not None:
            snapshot = dataclasses.replace(
                self.snapshot,
                auth_key=snapshot.auth_key,
                dc_id=snapshot.dc_id,
                server_address=snapshot.server_address,
                port=snapshot.port,
            )
        self.snapshot = snapshot
        self.entities = {entity.id: entity for entity in snapshot.entities}

    def on_lost(self, failure: BotFailure) -> None:
        self.losses.append(failure)

    def stored(self) -> SessionSnapshot | None:
        """What the next process would read."""
        if self.snapshot is None:
            return None
        return dataclasses.replace(self.snapshot, entities=tuple(self.entities.values()))

    @property
    def inbound(self) -> list[str]:
        """The texts that came in, in the order of arrival."""
        return [message.text for message in self.messages.values() if not message.outgoing]


def transport_of(sandbox: SandboxHandle, recorder: Recorder, **settings: Any) -> Transport:
    """A transport as a fresh process would make it."""
    given = TransportSettings(
        api_id=API_ID,
        api_hash=SecretStr(API_HASH),
        snapshot=recorder.stored(),
        server=TelegramServer.model_validate(sandbox.info),
        **settings,
    )
    callbacks = TransportCallbacks(recorder.on_batch, recorder.on_session, recorder.on_lost)
    return make_transport("telegram", given, callbacks, clock=SystemClock())


async def log_in(transport: Transport, sandbox: SandboxHandle, account: dict[str, Any]) -> None:
    """By token or by phone and code, as the account asks."""
    if account["kind"] == "bot":
        await transport.log_in_with_token(SecretStr(account["token"]))
    else:
        await transport.request_code(account["phone"])
        await transport.submit_code(SecretStr(await sandbox.code(account["phone"])))


@asynccontextmanager
async def online(
    sandbox: SandboxHandle, recorder: Recorder, account: dict[str, Any], **settings: Any
) -> AsyncIterator[Transport]:
    """A connected transport, logged in where the recorder holds no session yet."""
    transport = transport_of(sandbox, recorder, **settings)
    try:
        await transport.connect()
        if not transport.is_logged_in:
            await log_in(transport, sandbox, account)
        yield transport
    finally:
        await transport.disconnect()


async def say(sandbox: SandboxHandle, sender: dict[str, Any], receiver: dict[str, Any], *texts: str) -> None:
    """Have one account write to another, through the control interface."""
    for text in texts:
        answer = await sandbox.control.post(
            f"/accounts/{sender['id']}/messages", json={"to": receiver["id"], "text": text}
        )
        assert answer.status_code == 201, answer.text


async def texts_of(sandbox: SandboxHandle, account: dict[str, Any], peer: dict[str, Any]) -> list[str]:
    """What an account sees that came in from a peer."""
    seen = await sandbox.messages(account["id"], peer=peer["id"])
    return [message["text"] for message in seen if not message["out"]]
