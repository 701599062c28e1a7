"""Waiting until a process that we started is of use, or learning why it will not be."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from hanfleet.app.spawn import Spawned
from hanfleet.core.errors import PermanentError, TemporaryError

_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.1
_TAIL_BYTES = 4096


async def until_ready(process: Spawned, answers: Callable[[], Awaitable[bool]], *, name: str, within_s: float) -> None:
    """Ask ``answers`` until it says yes; OSError and EOFError from it mean not yet.

    Raises PermanentError with the process's last words when it ends first, TemporaryError after ``within_s`` seconds.
    """
    over = asyncio.ensure_future(process.wait())
    pause = _FIRST_PAUSE_S
    try:
        async with asyncio.timeout(within_s):
            while True:
                with suppress(OSError, EOFError):
                    if await answers():
                        return
                done, _ = await asyncio.wait([over], timeout=pause)
                if done:
                    raise PermanentError(f"{name} did not start: {last_words(process)} (see {process.output})")
                pause = min(pause * 1.5, _LONGEST_PAUSE_S)
    except TimeoutError:
        raise TemporaryError(f"{name} was not ready within {within_s:.0f} s (see {process.output})") from None
    finally:
        over.cancel()


def last_words(process: Spawned) -> str:
    """The line near the end of its output that most likely says what went wrong."""
    try:
        with process.output.open("rb") as file:
            file.seek(max(process.output_start, process.output.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    spoken = [line.strip() for line in lines if line.strip()]
    fatal = [line for line in spoken if "FATAL" in line or "error" in line.lower()]
    return (fatal or spoken or ["it said nothing"])[-1]
