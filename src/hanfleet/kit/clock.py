"""The one place where time enters. Rooms below `app` take a Clock; none of them asks the system for the time."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the fleet may know about time."""

    def now(self) -> datetime:
        """The wall clock, always aware and in UTC. It may jump; never measure spans with it."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow, for spans and deadlines inside one process."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less gives the loop one turn."""
        ...


class SystemClock:
    """The real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """A clock for tests that moves only when told to; sleeping moves it at once."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by ``seconds``."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)
