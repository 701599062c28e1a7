"""The children of `hanfleet up`: one class for our own processes, one loop that keeps anything running.

The embedded servers have the same shape as a Child (start, wait, stop), so the loop keeps both. Refuses to decide
what stops the fleet: `up` does, with its exit stack; a loop that is cancelled leaves the process alone.
"""

import os
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Protocol

from hanfleet.app.readiness import until_ready
from hanfleet.app.spawn import Spawned, spawn
from hanfleet.app.startup_channel import VARIABLE, offered
from hanfleet.core.errors import HanfleetError
from hanfleet.kit.backoff import Backoff
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger

# Who lived this long was healthy: the next failure counts as the first.
_STABLE_S = 30.0
# What a child may inherit; the rest of our environment may hold secrets (HANFLEET_DATABASE_URL is one).
_HANDED_DOWN = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONDONTWRITEBYTECODE")

_log = get_logger(__name__)


class Runnable(Protocol):
    """Something with a process of its own: a Child or an embedded server."""

    @property
    def name(self) -> str: ...

    @property
    def pid(self) -> int | None:
        """The process, while it lives."""
        ...

    async def start(self) -> None:
        """Come back when it is of use; harmless when it runs. Raises a HanfleetError when it does not come up."""
        ...

    async def wait(self) -> int:
        """Wait for its end, and give its exit status (negative: the signal)."""
        ...

    async def stop(self) -> None:
        """End it, if need be by force; harmless when it does not run."""
        ...


def child_environment() -> dict[str, str]:
    """What every child of ours inherits, and nothing else."""
    return {name: os.environ[name] for name in _HANDED_DOWN if name in os.environ}


async def _at_once() -> bool:
    return True


@dataclass(frozen=True)
class ChildSpec:
    """What a child is.

    ``payload`` is asked for at each start, and reaches the child by its start-up channel (``read_startup``).
    ``ready`` is asked until it says yes. ``parent_death_signal``: what the kernel sends when `up` is gone; None lets
    the child live on.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    payload: Callable[[], bytes] | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], Awaitable[bool]] = _at_once
    ready_within_s: float = 30.0
    stop_within_s: float = 10.0
    parent_death_signal: signal.Signals | None = signal.SIGTERM


class Child:
    """One process of our own; ``start`` may be called again after it ended."""

    def __init__(self, spec: ChildSpec) -> None:
        self._spec = spec
        self._process: Spawned | None = None

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """See Runnable. A child that is not ready in time is stopped again."""
        if self.pid is not None:
            return
        spec = self._spec
        environ = child_environment() | dict(spec.environ)
        with ExitStack() as channel:
            handed: tuple[int, ...] = ()
            if spec.payload is not None:
                handed = (channel.enter_context(offered(spec.payload())),)
                environ[VARIABLE] = str(handed[0])
            self._process = spawn(
                spec.argv,
                environ=environ,
                output=spec.log,
                parent_death_signal=spec.parent_death_signal,
                pass_fds=handed,
            )
        try:
            await until_ready(self._process, spec.ready, name=spec.name, within_s=spec.ready_within_s)
        except BaseException:
            await self.stop()
            raise

    async def wait(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM, ``stop_within_s`` seconds, SIGKILL."""
        if self._process is not None:
            await self._process.stop(signal.SIGTERM, within=self._spec.stop_within_s)


async def keep_running(what: Runnable, *, backoff: Backoff, clock: Clock, chance: random.Random) -> NoReturn:
    """Start ``what`` again whenever it ends, at once after the first failure and ever later after more.

    The first start is the caller's, so that what cannot run at all is reported and not tried for ever.
    """
    failures = 0
    up_since = clock.monotonic()
    while True:
        status = await what.wait()
        failures = 1 if clock.monotonic() - up_since >= _STABLE_S else failures + 1
        _log.warning("child ended", child=what.name, status=status, failures=failures)
        while True:
            await clock.sleep(backoff.delay(failures - 1, chance))
            try:
                await what.start()
            except (HanfleetError, OSError) as failed:  # a full disk is one, and passes
                failures += 1
                _log.warning("child does not start", child=what.name, reason=str(failed), failures=failures)
            else:
                break
        up_since = clock.monotonic()
        _log.info("child runs again", child=what.name, pid=what.pid)
