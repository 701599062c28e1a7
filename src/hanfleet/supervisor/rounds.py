"""The rounds of a watch: look, let follow what follows, pause. Refuses to end for a server that is away."""

import asyncio
from collections.abc import Awaitable, Callable

from hanfleet.core.errors import HanfleetError
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger

_log = get_logger("watch")


async def go_round(
    look: Callable[[asyncio.TaskGroup], Awaitable[object]], pause_s: Callable[[], float], clock: Clock, *, of: str
) -> None:
    """For ever; cancel it to stop. What follows from a look goes on in the group beside the next ones.

    A look that fails (a server is away, or will not tell us; the kernel neither) is logged once in a row: nobody
    watches ``of`` then.
    """
    blind = False
    async with asyncio.TaskGroup() as tasks:
        while True:
            try:
                await look(tasks)
                blind = False
            except (HanfleetError, OSError) as failed:
                if not blind:
                    _log.warning("nobody watches bots", of=of, error=str(failed))
                blind = True
            await clock.sleep(pause_s())
