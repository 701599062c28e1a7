"""A sandbox for tests: in this process or as one of its own, and unmodified clients pointed at it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from telethon.crypto import rsa
from telethon.crypto.authkey import AuthKey
from telethon.sessions.memory import MemorySession

from hanfleet.sandbox.contacts.line import TidyClient
from hanfleet.sandbox.server import Sandbox
from hanfleet.sandbox.telegram.server_key import ServerKey
from tests.support.ports import free_port
from tests.support.waiting import eventually

# To find the primes takes as long as the rest of a sandbox's start.
_one_key = cache(ServerKey.generate)
API_ID, API_HASH = 1, "0123456789abcdef0123456789abcdef"


@dataclass
class SandboxHandle:
    """``info`` is sandbox.json; ``control`` carries the token."""

    info: dict[str, Any]
    control: httpx.AsyncClient
    directory: Path

    async def account(self, kind: str = "user", first_name: str = "Ann", **fields: Any) -> dict[str, Any]:
        """A new account, as the control interface shows it."""
        answer = await self.control.post("/accounts", json={"kind": kind, "first_name": first_name, **fields})
        assert answer.status_code == 201, answer.text
        account: dict[str, Any] = answer.json()
        return account

    async def fault(self, fault: str, **fields: Any) -> int:
        answer = await self.control.post("/faults", json={"fault": fault, **fields})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    async def code(self, phone: str) -> str:
        answer = await self.control.get(f"/codes/{phone}")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["code"])

    async def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = (await self.control.get("/stats")).json()
        return stats

    async def messages(self, account_id: int, **query: Any) -> list[dict[str, Any]]:
        answer = await self.control.get(f"/accounts/{account_id}/messages", params=query)
        messages: list[dict[str, Any]] = answer.json()
        return messages


@asynccontextmanager
async def _handle(directory: Path) -> AsyncIterator[SandboxHandle]:
    info = json.loads((directory / "sandbox.json").read_text())
    headers = {"Authorization": f"Bearer {info['control_token']}"}
    # Plain HTTP: the list of authorities would only take its time, at each of hundreds of sandboxes.
    async with httpx.AsyncClient(
        base_url=info["control_url"], headers=headers, timeout=20, trust_env=False, verify=False
    ) as control:
        yield SandboxHandle(info, control, directory)


@asynccontextmanager
async def running_sandbox(tmp_path: Path, **options: Any) -> AsyncIterator[SandboxHandle]:
    """A sandbox in this process, in ``tmp_path/sandbox``; options go to ``Sandbox``."""
    directory = tmp_path / "sandbox"
    options.setdefault("port", free_port())
    options.setdefault("control_port", free_port())
    async with AsyncExitStack() as stack:
        with patch.object(ServerKey, "generate", _one_key):
            await stack.enter_async_context(Sandbox(directory, **options))
        yield await stack.enter_async_context(_handle(directory))


class SandboxProcess:
    """A sandbox as a process of its own, on the same ports each time it is started."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port, self.control_port = free_port(), free_port()
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start and wait until it listens."""
        info = self.directory / "sandbox.json"
        info.unlink(missing_ok=True)
        arguments = ("--dir", self.directory, "--port", self.port, "--control-port", self.control_port)
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hanfleet.sandbox", *map(str, arguments), stdin=asyncio.subprocess.DEVNULL
        )
        await eventually(lambda: info.exists() or self._dead(), within=30, what="sandbox.json")
        assert not self._dead(), "the sandbox ended by itself"

    def _dead(self) -> bool:
        return self.process is None or self.process.returncode is not None

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Send the signal, wait, give the exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            os.kill(self.process.pid, number)
        return await self.process.wait()

    async def kill(self) -> None:
        """kill -9, nothing can be tidied up."""
        await self.end(signal.SIGKILL)


@asynccontextmanager
async def sandbox_process(directory: Path) -> AsyncIterator[tuple[SandboxProcess, SandboxHandle]]:
    """A sandbox process, which tests may kill and start again, and the handle to it."""
    process = SandboxProcess(directory)
    await process.start()
    try:
        async with _handle(directory) as handle:
            yield process, handle
    finally:
        await process.end()


def telethon_client(info: dict[str, Any], session: Any = None, **options: Any) -> Any:
    """Telethon's client, which trusts the sandbox's key and connects to it (``Any``: Telethon is half typed)."""
    trust: Any = rsa.add_key
    trust(info["public_key_pem"], old=False)
    make_session: Any = MemorySession
    session = session or make_session()
    if not session.auth_key:
        session.set_dc(info["dc_id"], info["address"], info["port"])
    options = {"receive_updates": True, "connection_retries": None, "retry_delay": 0.1, **options}
    return TidyClient(session, API_ID, API_HASH, **options)


def session_of(client: Any) -> Any:
    """A second session with the key of this client, as when a session file is copied."""
    make_session: Any = MemorySession
    session = make_session()
    session.set_dc(client.session.dc_id, client.session.server_address, client.session.port)
    make_key: Any = AuthKey
    session.auth_key = make_key(client.session.auth_key.key)
    return session


async def logged_in(handle: SandboxHandle, account: dict[str, Any], **options: Any) -> Any:
    """A connected Telethon client of this account; disconnect it when done."""
    client = telethon_client(handle.info, **options)
    await client.connect()
    if account["kind"] == "bot":
        await client.sign_in(bot_token=account["token"])
    else:
        await client.send_code_request(account["phone"])
        await client.sign_in(account["phone"], await handle.code(account["phone"]))
    return client
