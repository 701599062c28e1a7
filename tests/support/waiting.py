"""Waiting for a condition in tests, with a deadline instead of a guess."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any


async def eventually(condition: Callable[[], Any], *, within: float = 10.0, what: str = "") -> Any:
    """Poll ``condition`` every 20 ms until it is truthy; give its value, or fail after ``within`` seconds."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            message = f"not within {within} s: {what or condition}"
            raise AssertionError(message)
        await asyncio.sleep(0.02)
