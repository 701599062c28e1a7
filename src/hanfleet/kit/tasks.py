"""Ending an asyncio task that others wrote."""

import asyncio
from typing import Any

_AGAIN_AFTER_S = 0.1


async def end_task(task: asyncio.Task[Any] | None) -> None:
    """Cancel ``task`` until it has ended; what it raises stays in it.

    Once is not enough where the task waits for what it has cancelled itself: it takes ours for that one's, and goes on.
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN_AFTER_S)
