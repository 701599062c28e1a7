"""`hanfleet bench start`: from POST …/start to Running, for one bot alone and for many at once.

The reference is what Python itself needs: a fresh interpreter that imports what a worker imports.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from hanfleet.cli.benchmarks.figures import Figures
from hanfleet.cli.stage.cast import NO_PACING, roles
from hanfleet.cli.stage.report import quantiles
from hanfleet.cli.stage.stage import Stage

_IMPORTS = "import hanfleet.app.worker_main"


async def bench_start(counts: tuple[int, ...], rounds: int, say: Callable[[str], None]) -> Figures:
    """``rounds`` starts for each number of bots."""
    async with Stage(tell=say, pacing=NO_PACING) as stage:
        await stage.add_bots(roles(max(counts), bot_accounts=True))
        ids = [actor.role.bot_id for actor in stage.actors]
        rows: list[dict[str, Any]] = []
        for count in counts:
            await _stop(stage, ids)
            each: list[float] = []
            whole: list[float] = []
            for number in range(rounds):
                say(f"start: {count} at once, round {number + 1} of {rounds}")
                began = time.monotonic()
                each += await asyncio.gather(*(_start(stage, bot_id) for bot_id in ids[:count]))
                whole.append((time.monotonic() - began) * 1000)
                await _stop(stage, ids[:count])
            rows.append({"what": f"each of {count} (ms)", **quantiles(each)})
            if count > 1:
                rows.append({"what": f"all {count} (ms)", **quantiles(whole)})
    fresh = [_fresh_interpreter() for _ in range(rounds)]
    rows.append({"what": "a fresh interpreter with the same imports (ms)", **quantiles(fresh)})
    ratio = rows[0]["p50"] / rows[-1]["p50"]
    return Figures("start", "below 500 ms to Running", rows, {"rounds": rounds, "ratio_p50": round(ratio, 2)})


async def _start(stage: Stage, bot_id: str) -> float:
    began = time.monotonic()
    await stage.fleet.ask("POST", f"/api/bots/{bot_id}/start")
    await stage.running([bot_id])
    return (time.monotonic() - began) * 1000


async def _stop(stage: Stage, ids: list[str]) -> None:
    for bot_id in ids:
        if (await stage.fleet.ask("GET", f"/api/bots/{bot_id}/status"))["status"] != "stopped":
            await stage.fleet.ask("POST", f"/api/bots/{bot_id}/stop")
    await stage.stopped(ids)


def _fresh_interpreter() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", _IMPORTS], check=True)  # noqa: S603 - our own imports
    return (time.monotonic() - began) * 1000
