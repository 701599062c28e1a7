"""The sandbox as a whole: the offline Telegram on one port, its control interface and the model server on another.

``sandbox.json`` in its directory says where it is and how to trust it; it is written once both ports listen. The same
directory and arguments give the same keys, token and ports after a restart. Nothing but kit is used of the product.
"""

import asyncio
import contextlib
import os
import random
import secrets
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from hanfleet.kit.clock import SystemClock
from hanfleet.kit.logging import get_logger
from hanfleet.sandbox.control.app import create_app
from hanfleet.sandbox.llm import create_llm
from hanfleet.sandbox.place import SandboxInfo, hold, lasting, lasting_server_key, write_info
from hanfleet.sandbox.refusals import StartRefusedError
from hanfleet.sandbox.telegram.database import Database
from hanfleet.sandbox.telegram.gateway import Gateway
from hanfleet.sandbox.telegram.link import Link
from hanfleet.sandbox.telegram.service import Telegram

_log = get_logger(__name__)
DC_ID = 2
HIGHEST_PORT = 65535
KEEP_ALIVE_S = 30
"""Longer than clients keep an idle connection (5 s is usual): who closes first must not be the one that is asked."""


class Sandbox:
    """A running sandbox: ``async with Sandbox(directory, port=..., control_port=...) as sandbox``.

    ``control_port`` 0 means ``port + 1``. ``refuse_second_connection`` revokes a key that two connections use at once,
    as Telegram does; by default they are only counted.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int,
        control_port: int = 0,
        host: str = "127.0.0.1",
        refuse_second_connection: bool = False,
    ) -> None:
        if port == control_port:
            raise StartRefusedError("same_port", port=port)
        if port == HIGHEST_PORT and not control_port:
            raise StartRefusedError("no_next_port", port=port)
        self._directory = directory
        self._host = host
        self._port = port
        self._control_port = control_port or port + 1
        self._refuse_second = refuse_second_connection
        self._stack = AsyncExitStack()
        self.info: SandboxInfo

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        database = self._open_directory(stack)
        server_key = lasting_server_key(database)
        token = lasting(database, "control_token", secrets.token_urlsafe(24))
        telegram = Telegram(database, dc_id=DC_ID, address=(self._host, self._port))
        gateway = Gateway(telegram, server_key, refuse_second_connection=self._refuse_second)
        llm = create_llm(clock=SystemClock(), rng=random.SystemRandom())
        app = create_app(telegram, token, lambda: len(gateway.links), llm.routers)
        with _explained("control_port_unusable", host=self._host, port=self._control_port):
            control_socket = _listening_socket(self._host, self._control_port)
        stack.callback(control_socket.close)
        loop = asyncio.get_running_loop()
        with _explained("port_unusable", host=self._host, port=self._port):
            listener = await loop.create_server(lambda: Link(gateway), self._host, self._port, backlog=512)
        stack.push_async_callback(_stop_listening, listener, gateway)
        await stack.enter_async_context(_serving(app, control_socket))
        stack.callback(llm.close)
        control_url = f"http://{self._host}:{self._control_port}"
        self.info = SandboxInfo(
            address=self._host,
            port=self._port,
            dc_id=DC_ID,
            public_key_pem=server_key.public_pem,
            fingerprint=server_key.fingerprint,
            control_url=control_url,
            control_token=token,
            llm_url=f"{control_url}/v1",
        )
        write_info(self._directory, self.info)
        _log.info("the sandbox listens", address=self._host, port=self._port, control_url=control_url)

    def _open_directory(self, stack: AsyncExitStack) -> Database:
        with _explained("directory_unusable", directory=self._directory):
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            stack.callback(os.close, hold(self._directory))
            database = Database(self._directory / "sandbox.sqlite")
        stack.callback(database.close)
        return database


@contextmanager
def _explained(kind: str, **facts: object) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # asyncio packs the addresses that it tried into strerror; the number alone says why. Names have other numbers.
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise StartRefusedError(kind, **facts, reason=reason) from error
    except (sqlite3.Error, UnicodeError) as error:
        raise StartRefusedError(kind, **facts, reason=error) from error


class _ControlServer(uvicorn.Server):
    """Uvicorn without its signal handlers: whoever started the sandbox decides when it ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _serving(app: FastAPI, sock: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    server = _ControlServer(config)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started:
            if task.done():
                await task
                raise RuntimeError("the control interface ended before it began")
            await asyncio.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        await task


async def _stop_listening(listener: asyncio.Server, gateway: Gateway) -> None:
    listener.close()
    gateway.drop(None)
    await listener.wait_closed()
    # Aborted transports tell their protocols in the loop's next turn.
    await asyncio.sleep(0)


def _listening_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY on what it accepts; without it each answer waits 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        # Two sockets with SO_REUSEADDR may have one address until one of them listens: only so is a taken port noticed.
        sock.listen(512)
    except OSError:
        sock.close()
        raise
    return sock


async def run_sandbox(directory: Path, host: str, port: int, control_port: int) -> None:
    """Serve until cancelled, or until SIGTERM or SIGINT. ``control_port`` 0 means ``port + 1``."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in previous:
        loop.add_signal_handler(number, over.set)
    try:
        async with Sandbox(directory, host=host, port=port, control_port=control_port):
            await over.wait()
    finally:
        for number, handler in previous.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
