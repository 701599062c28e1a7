"""A process that stores what its transport brings, one transaction per batch, and kills itself now and then.

``python -m tests.integration.transports.receiver SANDBOX_JSON DATABASE SEED``: it strikes itself before a commit or
after one, as the seed has it (a negative one: never), and says "connected" so that others may strike it.
"""

import asyncio
import json
import os
import pickle
import random
import signal
import sqlite3
import sys
from pathlib import Path

from pydantic import SecretStr

from hanfleet.core.errors import BotFailure
from hanfleet.core.messages import SessionSnapshot, UpdateBatch
from hanfleet.core.startup import TelegramServer
from hanfleet.kit.clock import SystemClock
from hanfleet.transports import TransportCallbacks, TransportSettings, make_transport

SCHEMA = """
CREATE TABLE session (only INTEGER PRIMARY KEY CHECK (only = 1), snapshot BLOB, state BLOB);
CREATE TABLE messages (number INTEGER PRIMARY KEY AUTOINCREMENT, chat INTEGER, id INTEGER, text TEXT, UNIQUE (chat, id));
CREATE TABLE repeated (text TEXT);
"""


def create(path: Path, snapshot: SessionSnapshot) -> None:
    """A database that knows the session and nothing else."""
    with sqlite3.connect(path) as database:
        database.executescript(SCHEMA)
        database.execute("INSERT INTO session VALUES (1, ?, ?)", (pickle.dumps(snapshot), pickle.dumps(snapshot.state)))
    database.close()


class Receiver:
    """One life of the process."""

    def __init__(self, path: Path, seed: int) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._chance = random.Random(seed)
        self._batches_left = self._chance.randint(1, 6) if seed >= 0 else 0
        self._strikes_before_commit = self._chance.random() < 0.5

    def snapshot(self) -> SessionSnapshot:
        stored, state = self._database.execute("SELECT snapshot, state FROM session").fetchone()
        snapshot: SessionSnapshot = pickle.loads(stored)
        return SessionSnapshot(**{**vars(snapshot), "state": pickle.loads(state)})

    async def on_batch(self, batch: UpdateBatch) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        for message in batch.messages:
            row = (message.chat_id, message.telegram_id, message.text)
            try:
                self._database.execute("INSERT INTO messages (chat, id, text) VALUES (?, ?, ?)", row)
            except sqlite3.IntegrityError:
                self._database.execute("INSERT INTO repeated VALUES (?)", (message.text,))
        if batch.state is not None:
            self._database.execute("UPDATE session SET state = ?", (pickle.dumps(batch.state),))
        self._batches_left -= 1  # from 0, for a peaceful life, it never comes back to 0
        if self._batches_left == 0 and self._strikes_before_commit:
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(0.002)
        self._database.execute("COMMIT")
        if self._batches_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    async def on_session(self, snapshot: SessionSnapshot) -> None:
        raise AssertionError("nobody logs in here")

    def on_lost(self, failure: BotFailure) -> None:
        raise failure


async def receive(info: Path, path: Path, seed: int) -> None:
    receiver = Receiver(path, seed)
    settings = TransportSettings(
        api_id=1,
        api_hash=SecretStr("0123456789abcdef0123456789abcdef"),
        snapshot=receiver.snapshot(),
        server=TelegramServer.model_validate(json.loads(info.read_text())),
    )
    callbacks = TransportCallbacks(receiver.on_batch, receiver.on_session, receiver.on_lost)
    await make_transport("telegram", settings, callbacks, clock=SystemClock()).connect()
    print("connected", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(receive(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
