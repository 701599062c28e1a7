"""A worker like any other, but that it kills itself (SIGKILL) at the checkpoint that the plan names.

It stands between the worker and its ledger and transport: a checkpoint before and after every transaction and every
request to Telegram. The product has none of this; `hanfleet up --worker-entry` names this module instead of its own.
"""

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hanfleet.app import worker_main
from hanfleet.core.startup import WorkerStartup
from hanfleet.worker.ledger import Ledger, Step
from tests.acceptance.kill_plan import KillPlan

#: Requests to Telegram that count as sends.
REQUESTS = ("send_text", "mark_read", "set_typing")

# The zygote imports this module, and its output goes to <home>/logs/zygote.log.
_PLAN = KillPlan(Path("/proc/self/fd/2").readlink().parents[1] / "kill-plan")


def run(startup: WorkerStartup) -> int:
    """The entry of a worker."""
    checkpoint = _Checkpoint(startup.bot_id)
    return worker_main.run(
        startup,
        wrap_ledger=lambda ledger: _Ledger(ledger, checkpoint),
        wrap_transport=lambda transport: _Transport(transport, checkpoint),
    )


class _Checkpoint:
    def __init__(self, bot_id: str) -> None:
        self._bot_id = bot_id

    def __call__(self, label: str) -> None:
        if _PLAN.reached(self._bot_id, label):
            os.kill(os.getpid(), signal.SIGKILL)


class _Ledger:
    def __init__(self, ledger: Ledger, checkpoint: _Checkpoint) -> None:
        self._ledger = ledger
        self._checkpoint = checkpoint

    async def run(self, step: Step, fn: Callable[[Any], Awaitable[Any]]) -> Any:
        self._checkpoint(f"before {step}")
        result = await self._ledger.run(step, fn)
        self._checkpoint(f"after {step}")
        return result


class _Transport:
    def __init__(self, transport: Any, checkpoint: _Checkpoint) -> None:
        self._transport = transport
        self._checkpoint = checkpoint

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._transport, name)
        if name not in REQUESTS:
            return found

        async def request(*arguments: Any) -> Any:
            self._checkpoint(f"before {name}")
            result = await found(*arguments)
            self._checkpoint(f"after {name}")
            return result

        return request
