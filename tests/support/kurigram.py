"""A kurigram client for tests: an MTProto implementation that shares no code with the sandbox's TL layer."""

import asyncio
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pyrogram import Client
from pyrogram.connection import Connection
from pyrogram.connection.transport import TCP
from pyrogram.crypto import rsa

from hanfleet.kit.tasks import end_task
from tests.support.sandbox import API_HASH, API_ID

_opened: list[Connection] = []


def kurigram_client(info: dict[str, Any], *, transport: type[TCP] | None = None, **options: Any) -> Client:
    """An unmodified client whose every connection leads to the sandbox; it trusts the sandbox's key."""
    key = load_pem_public_key(info["public_key_pem"].encode())
    assert isinstance(key, RSAPublicKey)
    numbers = key.public_numbers()
    rsa.server_public_keys[info["fingerprint"]] = rsa.PublicKey(numbers.n, numbers.e)

    def connect(**wanted: Any) -> Connection:
        if transport is not None:
            wanted["protocol_factory"] = transport
        _opened.append(Connection(**{**wanted, "server_address": info["address"], "port": info["port"]}))
        return _opened[-1]

    return Client(
        "sandbox",
        api_id=API_ID,
        api_hash=API_HASH,
        in_memory=True,
        connection_factory=connect,  # type: ignore[arg-type]
        loop=asyncio.get_running_loop(),
        **options,
    )


async def hang_up() -> None:
    """Close what kurigram left open: where it is told to stop while it connects anew, it goes on to do that."""
    for task in asyncio.all_tasks():
        if " Session." in str(task.get_coro()):  # one of its restarts
            await end_task(task)
    for connection in _opened:
        if connection.protocol is not None and connection.protocol.writer is not None:
            connection.protocol.writer.transport.abort()
    _opened.clear()
