"""The API as a process: puts store, bus, vault and control together and serves until SIGTERM.

Refuses to be started by hand: its secrets come through the start-up channel, never from the environment or argv.
"""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any

import uvicorn

from hanfleet.api import create_app
from hanfleet.app.api_payload import ApiPayload
from hanfleet.app.startup_channel import read_startup
from hanfleet.bus import IPCManager, open_bus
from hanfleet.control import MultiBotManager
from hanfleet.control.erasure import Ledger
from hanfleet.core.errors import HanfleetError, PermanentError
from hanfleet.kit.clock import SystemClock
from hanfleet.kit.logging import configure_logging, get_logger
from hanfleet.store.principals import SystemPrincipal
from hanfleet.store.session import Store
from hanfleet.vault import MasterKey

_DRAIN_S = 5
# Longer than clients keep an idle connection (5 s is usual): who closes first must not be the one that is asked.
_KEEP_ALIVE_S = 30


class _Server(uvicorn.Server):
    """Leaves signals to us: the original raises them again after its end, before anything could be closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(payload: ApiPayload) -> None:
    """Serve until SIGTERM or SIGINT. Raises PermanentError when the address cannot be listened on."""
    clock = SystemClock()
    async with AsyncExitStack() as exits:
        listening = exits.enter_context(_listen(payload.host, payload.port))
        store = Store(
            payload.database_url.get_secret_value(),
            clock=clock,
            application_name="hanfleet api",
            pool_size=payload.database_connections,
        )
        exits.push_async_callback(store.close)
        await store.run(SystemPrincipal("api"), lambda tx: tx.schema.check())
        bus = await exits.enter_async_context(
            open_bus(payload.redis_url.get_secret_value(), clock=clock, name="hanfleet-api")
        )
        manager = MultiBotManager(
            store,
            IPCManager(bus),
            MasterKey(payload.master_key.get_secret_value()),
            bot_logs=payload.bot_logs,
            ledger=Ledger(payload.ledger, payload.erasure_key.get_secret_value()),
            backups_kept=payload.backups_kept,
        )
        exits.enter_context(_running(manager.contacts.keep_finishing(clock)))
        server = _Server(
            uvicorn.Config(
                create_app(manager, api_token=payload.api_token),
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=_DRAIN_S,
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )
        _end_on_signals(server)
        get_logger("api").info("listening", host=payload.host, port=payload.port)
        await server.serve(sockets=[listening])


@contextlib.contextmanager
def _running(work: Coroutine[Any, Any, None]) -> Iterator[None]:
    """Run ``work`` beside the requests; an error of it must not take the API along, so it is only told."""
    task = asyncio.create_task(work)
    task.add_done_callback(_tell_error)
    try:
        yield
    finally:
        task.cancel()


def _tell_error(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        get_logger("api").error("erasures are not finished any more: restart the API", exc_info=error)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as refused:
        raise PermanentError(
            f"The API cannot listen on {host}:{port} ({refused.strerror}): choose another with --api-port."
        ) from refused


def _end_on_signals(server: uvicorn.Server) -> None:
    def end() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)


def main() -> int:
    """The process' exit status."""
    payload = ApiPayload.from_wire(read_startup())
    configure_logging("api", level=payload.log_level)
    try:
        asyncio.run(serve(payload))
    except HanfleetError as error:
        get_logger("api").error("the API ends", error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
