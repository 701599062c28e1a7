"""Waiting for a database notification, with a connection of its own that comes back by itself.

A notification is only a hint that anyone could send: whoever waits here reads the rows again and trusts those. A lost
connection may have swallowed hints, so every (re)connect counts as one.
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError
from sqlalchemy.engine import URL

from hanfleet.kit.clock import Clock
from hanfleet.store.addresses import connect

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0
_CLOSE_WITHIN_S = 1.0


class Listener:
    """Use as ``async with store.listen(channel) as hints: await hints.wait(5)``; one waiter at a time."""

    def __init__(self, url: URL, channel: str, *, clock: Clock, application_name: str) -> None:
        self._url = url
        self._application_name = application_name
        self._channel = channel
        self._clock = clock
        self._hint = asyncio.Event()
        self._raw: Any = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._raw is not None and not self._raw.is_closed():
            with suppress(OSError, PostgresError, InterfaceError, InternalClientError):
                await self._raw.close(timeout=_CLOSE_WITHIN_S)

    async def wait(self, timeout_s: float) -> bool:
        """True: something may have changed (a notification, or the connection is new). False: ``timeout_s`` went by.

        An unreachable database is waited for within the same time and never raises.
        """
        deadline = self._clock.monotonic() + timeout_s
        pause = _FIRST_PAUSE_S
        while (left := deadline - self._clock.monotonic()) > 0:
            if self._raw is not None and not self._raw.is_closed():
                return await self._hinted(left)
            if await self._connected(left):
                return True
            await self._clock.sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE_S)
        return False

    async def _hinted(self, timeout_s: float) -> bool:
        try:
            await asyncio.wait_for(self._hint.wait(), timeout_s)
        except TimeoutError:
            return False
        self._hint.clear()
        return True

    async def _connected(self, timeout_s: float) -> bool:
        try:
            self._raw = await connect(self._url, self._application_name, timeout_s=timeout_s)
            self._raw.add_termination_listener(self._on_end)
            await self._raw.add_listener(self._channel, self._on_notify)
        except (OSError, PostgresError, InterfaceError, InternalClientError):
            return False
        self._hint.clear()
        return True

    def _on_notify(self, *_notification: Any) -> None:
        self._hint.set()

    def _on_end(self, _connection: Any) -> None:
        self._hint.set()
