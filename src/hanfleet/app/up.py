"""`hanfleet up`: init of one fleet. Starts the servers and the parts, restarts what ends, reaps what is orphaned, and
stops everything in order. It decides nothing about bots; that is the supervisor's.
"""

import asyncio
import json
import os
import random
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from pydantic import ValidationError

from hanfleet.app import parts
from hanfleet.app.bootstrap_main import DATABASE_URL, REDIS_URL
from hanfleet.app.bootstrapping import make_ready
from hanfleet.app.children import Runnable, child_environment, keep_running
from hanfleet.app.daily_backups import keep_backed_up
from hanfleet.app.embedded import EmbeddedPostgres, EmbeddedValkey
from hanfleet.app.erasure_ledger import ledger_of
from hanfleet.app.folders import write_private
from hanfleet.app.home import Home
from hanfleet.app.master_key import find_keys, settle
from hanfleet.app.orphans import become_subreaper, end_orphans, keep_reaping
from hanfleet.app.parts import check_free
from hanfleet.app.payloads import WORKER_ENTRY
from hanfleet.app.processes_file import Noted, ProcessesFile
from hanfleet.app.settings import Settings
from hanfleet.app.short_logs import keep_logs_short
from hanfleet.app.signals import on_ending
from hanfleet.app.telegram_tie import is_tied, tie
from hanfleet.app.together import together
from hanfleet.core.errors import InvalidInputError, PermanentError
from hanfleet.core.startup import TelegramServer
from hanfleet.kit.backoff import Backoff
from hanfleet.kit.clock import SystemClock
from hanfleet.launchers.process_table import node_name

SERVICE_ROLES = ("owner", "supervisor", "api", "provisioner", "relay")
_BACKOFF = Backoff(first_s=0.2, longest_s=15.0)

#: What is told while it starts and stops: (what, facts). Texts are the caller's.
Teller = Callable[[str, dict[str, Any]], None]


async def run_up(settings: Settings, tell: Teller, *, worker_entry: str = WORKER_ENTRY) -> None:
    """Run a fleet until SIGINT, SIGTERM, or the terminal is closed.

    Raises ConflictError when another fleet runs on this home or its bots are logged in at another Telegram,
    InvalidInputError for settings that cannot be, and PermanentError or TemporaryError when a part does not come up;
    everything that was started is stopped then.
    """
    stopping = asyncio.Event()
    on_ending(stopping.set)
    telegram_server = _telegram_server(settings)
    home = open_home(settings)
    with home.lock():
        check_free(settings.api_host, settings.api_port)
        # Refuses another Telegram's home before anything is started; the tie itself comes when bots may log in.
        is_tied(home.path, telegram_server)
        become_subreaper()
        await _Fleet(home, settings, tell, telegram_server, worker_entry).run(stopping)


class _Fleet:
    def __init__(
        self,
        home: Home,
        settings: Settings,
        tell: Teller,
        telegram_server: TelegramServer | None,
        worker_entry: str,
    ) -> None:
        self._home = home
        self._settings = settings
        self._tell = tell
        self._telegram_server = telegram_server
        self._worker_entry = worker_entry
        self._clock = SystemClock()
        self._file = ProcessesFile(home.path / "processes.json", os.getpid())
        self._kept: list[Runnable] = []
        self._wiring: parts.Wiring | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Start, keep, stop."""
        reaping = asyncio.create_task(keep_reaping(self._home.exits, self._clock))
        try:
            async with AsyncExitStack() as exits:
                exits.callback(self._file.remove)
                starting = asyncio.create_task(self._start_all(exits))
                if not await _first(starting, stopping):
                    return
                url = parts.reachable_url(self._settings)
                write_private(self._home.api_url, url + "\n")
                exits.callback(self._home.api_url.unlink, missing_ok=True)
                self._tell("up", {"url": url, "home": self._home.path})
                try:
                    await _first(asyncio.create_task(self._keep_all(reaping)), stopping)
                finally:
                    self._tell("stopping", {})
        finally:
            reaping.cancel()
            await asyncio.gather(reaping, return_exceptions=True)
        self._tell("stopped", {})

    async def _start_all(self, exits: AsyncExitStack) -> None:
        keys = find_keys(self._home, self._settings)
        admin_url, redis_url = await self._servers(exits)
        secrets = self._home.secrets
        outcome = await make_ready(
            admin_url,
            redis_url,
            {role: secrets.get_or_make(f"database.{role}") for role in SERVICE_ROLES},
            ledger=ledger_of(self._home),
            named=_named(self._settings),
            keys=keys,
            environ=child_environment(),
            log=self._home.logs / "bootstrap.log",
        )
        self._tell("prepared", {"bus": outcome.bus})
        self._wiring = wiring = parts.Wiring(
            home=self._home,
            settings=self._settings,
            urls=outcome.urls,
            redis_url=redis_url,
            master_key=settle(self._home, keys),
            node=node_name(),
            telegram_server=self._telegram_server,
            worker_entry=self._worker_entry,
        )
        # The supervisor drains its workers; whom it could not is left to us, while the servers still run.
        exits.push_async_callback(end_orphans, self._clock, within_s=parts.DRAIN_S)
        # The zygote takes longest, and the supervisor has nobody to ask before it is there.
        await together(self._start(parts.zygote(wiring), exits), self._start(parts.api(wiring), exits))
        # From here on bots may log in.
        tie(self._home.path, self._telegram_server)
        await self._start(parts.supervisor(wiring), exits)

    async def _servers(self, exits: AsyncExitStack) -> tuple[str, str]:
        """Start the embedded servers that no URL replaces; gives both URLs."""
        settings = self._settings
        starts: list[Coroutine[Any, Any, None]] = []
        if settings.database_url is None:
            postgres = EmbeddedPostgres(self._home, bots=settings.max_bots)
            starts.append(self._start(postgres, exits))
        if settings.redis_url is None:
            valkey = EmbeddedValkey(self._home, bots=settings.max_bots)
            starts.append(self._start(valkey, exits))
        await together(*starts)
        return (
            settings.database_url.get_secret_value() if settings.database_url else postgres.url,
            settings.redis_url.get_secret_value() if settings.redis_url else valkey.url,
        )

    async def _start(self, part: Runnable, exits: AsyncExitStack) -> None:
        began = self._clock.monotonic()
        noted = Noted(part, self._file)
        exits.push_async_callback(noted.stop)
        await noted.start()
        self._kept.append(noted)
        self._tell("started", {"part": part.name, "seconds": self._clock.monotonic() - began})

    async def _keep_all(self, reaping: "asyncio.Task[Any]") -> None:
        """For ever, until cancelled. Raises what one of the keepers raises: without it the fleet is not kept."""
        chance = random.SystemRandom()
        keepers: list[Coroutine[Any, Any, None]] = [
            keep_running(part, backoff=_BACKOFF, clock=self._clock, chance=chance) for part in self._kept
        ]
        keepers.append(keep_logs_short((self._home.logs, self._home.bot_logs), self._clock))
        keepers.append(_outlast(reaping))
        if wiring := self._wiring:
            keepers.append(keep_backed_up(wiring, self._clock, self._tell))
        await together(*keepers)


async def _outlast(task: "asyncio.Task[Any]") -> None:
    """Raises what ``task`` raises, and leaves it alone when cancelled."""
    await asyncio.shield(task)


async def _first(work: "asyncio.Task[None]", stopping: asyncio.Event) -> bool:
    """Wait for ``work``; False, with ``work`` cancelled and cleaned up, when the stop came first."""
    asked = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            return False
        await work
        return True
    finally:
        asked.cancel()


def open_home(settings: Settings) -> Home:
    """The home that the settings name. Raises InvalidInputError when it cannot be."""
    try:
        return Home.open(settings.home)
    except PermanentError as refused:
        raise InvalidInputError(str(refused)) from refused
    except OSError as refused:
        raise InvalidInputError(
            f"{settings.home or 'The default home'} cannot be used ({refused.strerror}): choose another with --home."
        ) from refused


def _named(settings: Settings) -> tuple[str, ...]:
    """The variables by which servers were named that are not ours."""
    given = {DATABASE_URL: settings.database_url, REDIS_URL: settings.redis_url}
    return tuple(variable for variable, url in given.items() if url is not None)


def _telegram_server(settings: Settings) -> TelegramServer | None:
    path = settings.telegram_server
    if path is None:
        return None
    try:
        return TelegramServer.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as broken:
        raise InvalidInputError(
            f"HANFLEET_TELEGRAM_SERVER names {path}, which does not describe a Telegram server"
            " (address, port, dc_id, public_key_pem): let hanfleet sandbox serve write it."
        ) from broken
