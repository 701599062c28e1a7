"""`hanfleet bench import`: how fast an old bot's folder comes in beside a bare COPY of the same rows, and the memory
that it takes for many messages and for a quarter of them.

Each import has a fresh server in a temporary home, durable like a real one, and a process of its own. The clock runs
from the first look into the folder to the commit; neither the server nor its start is counted.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from hanfleet.app.home import Home
from hanfleet.cli.benchmarks.figures import Figures
from hanfleet.cli.benchmarks.old_folder import MESSAGES_A_CHAT, write_old_folder
from hanfleet.cli.benchmarks.stocked import Say
from hanfleet.core.errors import PermanentError

_AIM = "at least 20,000 messages per second on 2 cores, memory flat"


async def bench_import(messages: int, say: Say) -> Figures:
    """A quarter of ``messages``, then all. Raises HanfleetError when an import fails."""
    rows = [await _row(count, say) for count in (messages // 4, messages)]
    growth = round(rows[-1]["peak_mb"] - rows[0]["peak_mb"], 1)
    return Figures("import", _AIM, rows, {"messages_a_chat": MESSAGES_A_CHAT, "peak_growth_mb": growth})


async def _row(messages: int, say: Say) -> dict[str, Any]:
    home = Home.temporary()
    try:
        with tempfile.TemporaryDirectory(prefix="hanfleet-") as place:
            say(f"import: writing an old folder of {messages:,} messages")
            chats = await asyncio.to_thread(write_old_folder, Path(place), messages)
            say(f"import: importing {messages:,} messages")
            measured = await _measured(Path(place), home.path)
    finally:
        home.destroy()
    return {
        "what": f"{measured['messages']:,} messages",
        "chats": chats,
        "seconds": round(measured["import_s"], 2),
        "per_second": round(measured["messages"] / measured["import_s"]),
        "bare_copy_per_second": round(measured["messages"] / measured["copy_s"]),
        "ratio": round(measured["import_s"] / measured["copy_s"], 1),
        "peak_mb": round(measured["peak_bytes"] / 2**20, 1),
    }


async def _measured(folder: Path, home: Path) -> dict[str, Any]:
    """What one_import prints. A server that the environment names is not ours to fill."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HANFLEET_")}
    command = (sys.executable, "-m", "hanfleet.cli.benchmarks.one_import", str(folder), str(home))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, env=environ)
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            # It stops its server.
            process.send_signal(signal.SIGINT)
            await process.wait()
    if process.returncode:
        raise PermanentError(f"The import ended with status {process.returncode}: see what it said above.")
    measured: dict[str, Any] = json.loads(printed)
    return measured
