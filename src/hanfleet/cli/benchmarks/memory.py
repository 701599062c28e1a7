"""`hanfleet bench memory`: private (USS) and proportional (PSS) memory of workers, and of all that runs besides them.

The reference is a fresh interpreter with the same imports, which shares nothing. The sandbox is not counted: a fleet
that serves people has none.
"""

import asyncio
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psutil

from hanfleet.cli.benchmarks.figures import Figures
from hanfleet.cli.stage.cast import roles
from hanfleet.cli.stage.stage import Stage
from hanfleet.cli.stage.troupe import troupe

_TALK_S = 5.0
_SHOW_MEMORY = (
    "import hanfleet.app.worker_main, psutil, sys; m = psutil.Process().memory_full_info(); print(m.uss, m.pss)"
)


async def bench_memory(counts: tuple[int, ...], say: Callable[[str], None]) -> Figures:
    """Grow the fleet step by step; at each step every bot has talked with somebody before it is measured."""
    rows: list[dict[str, Any]] = []
    async with Stage(tell=say) as stage:
        cast = roles(max(counts), bot_accounts=True)
        for count in counts:
            await stage.add_bots(cast[len(stage.actors) : count])
            async with troupe(stage.sandbox.info, stage.actors, count, seed=count) as crowd:
                await asyncio.sleep(_TALK_S)
                await crowd.finish(_TALK_S)
            say(f"memory: {count} bots measured")
            rows.append(_row(stage, count))
    return Figures(
        "memory",
        "USS below 30 MB a bot; 10 bots and all else but the sandbox below 700 MB",
        rows,
        {"fresh_interpreter_mb": _fresh_interpreter()},
    )


def _row(stage: Stage, count: int) -> dict[str, Any]:
    parts = stage.fleet.processes()
    zygote = parts["zygote"]
    workers = [process.memory_full_info() for process in psutil.Process(zygote).children()]
    return {
        "what": f"{count} bots",
        "workers": len(workers),
        "uss_mb": _megabytes(statistics.median(memory.uss for memory in workers)),
        "uss_max_mb": _megabytes(max(memory.uss for memory in workers)),
        "pss_mb": _megabytes(statistics.median(memory.pss for memory in workers)),
        "supervisor_mb": _megabytes(psutil.Process(parts["supervisor"]).memory_info().rss),
        "postgres_mb": _megabytes(_tree_pss(parts["postgres"])) if "postgres" in parts else None,
        "total_pss_mb": _megabytes(_tree_pss(parts["up"])),
    }


def _tree_pss(pid: int) -> float:
    root = psutil.Process(pid)
    return float(sum(member.memory_full_info().pss for member in (root, *root.children(recursive=True))))


def _fresh_interpreter() -> dict[str, float]:
    shown = subprocess.run(  # noqa: S603 - our own imports
        [sys.executable, "-c", _SHOW_MEMORY], check=True, capture_output=True, text=True
    ).stdout.split()
    return {"uss": _megabytes(float(shown[0])), "pss": _megabytes(float(shown[1]))}


def _megabytes(size: float) -> float:
    return round(size / 2**20, 1)
