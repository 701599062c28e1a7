"""How long to wait before the next attempt, and waiting for a moment or an event, whichever comes first."""

import asyncio
import random

from hanfleet.core.errors import TemporaryError
from hanfleet.kit.backoff import Backoff
from hanfleet.kit.clock import Clock


def pause_after(error: TemporaryError, failures: int, backoff: Backoff, chance: random.Random) -> float:
    """Seconds until the next attempt: what the other side named, else growing with ``failures``."""
    return error.retry_after if error.retry_after is not None else backoff.delay(failures, chance)


async def wait_for_either(event: asyncio.Event, seconds: float, clock: Clock) -> bool:
    """Wait at most ``seconds`` by ``clock`` for ``event``; True when it is set."""
    if event.is_set() or seconds <= 0:
        return event.is_set()
    waits = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(event.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return event.is_set()
