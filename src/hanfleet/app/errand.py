"""A short process that does one thing for `hanfleet up` and tells what came of it.

`up` lives long: what such work imports would stay in its memory for ever. Secrets go over by the start-up channel, the
outcome comes back in a file in memory.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from hanfleet.app.readiness import last_words
from hanfleet.app.spawn import spawn
from hanfleet.app.startup_channel import VARIABLE, offered
from hanfleet.core.errors import PermanentError


async def run_errand(
    module: str,
    payload: Callable[[int], bytes],
    *,
    environ: dict[str, str],
    log: Path,
    parent_death_signal: signal.Signals | None = None,
) -> bytes:
    """Run ``python -m module`` to its end and give its outcome.

    ``payload`` gets the descriptor that takes the outcome, which the process inherits. A caller that is cancelled takes
    the process along. Raises PermanentError with its last words when it fails.
    """
    result = os.memfd_create("hanfleet-errand", os.MFD_CLOEXEC)
    try:
        with offered(payload(result)) as channel:
            process = spawn(
                (sys.executable, "-m", module),
                environ={**environ, VARIABLE: str(channel)},
                output=log,
                parent_death_signal=parent_death_signal,
                pass_fds=(channel, result),
            )
        try:
            status = await process.wait()
        except BaseException:
            process.send(signal.SIGKILL)
            await process.wait()
            raise
        with os.fdopen(os.dup(result), "rb") as file:
            file.seek(0)
            raw = file.read()
    finally:
        os.close(result)
    if status != 0 or not raw:
        raise PermanentError(f"{last_words(process)} (see {log})")
    return raw
