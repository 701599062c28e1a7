"""One import in a process of its own, for `hanfleet bench import`: a process keeps the memory that it once had, so the
peak of one import shows in a fresh process alone.

Started as ``python -m hanfleet.cli.benchmarks.one_import FOLDER HOME``; prints one JSON object. Linux only (/proc).
"""

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from hanfleet.app.embedded import EmbeddedPostgres
from hanfleet.app.home import Home
from hanfleet.app.legacy_import import Workbench, open_workbench
from hanfleet.app.settings import load_settings
from hanfleet.control.legacy import LegacyFolder, import_folder
from hanfleet.control.legacy.rows import messages_of
from hanfleet.kit.clock import SystemClock
from hanfleet.kit.logging import configure_logging
from hanfleet.store.addresses import connect
from hanfleet.store.admin import database_url

_BOT = "bench"
_COPIED_AT_ONCE = 10_000
_COPIES = 3
_TIMEOUT_S = 600.0
_COLUMNS = ("bot_id", "id", "chat_id", "direction", "author", "text", "media", "sent_at", "created_at")


async def _measure(folder: Path, home: Path) -> dict[str, Any]:
    async with open_workbench(load_settings(home=home)) as bench:
        began = time.perf_counter()
        brought = await _import(bench, folder)
        took = time.perf_counter() - began
        peak = _peak_bytes()
        copies = await _bare_copies(database_url(EmbeddedPostgres(Home.existing(home)).url), folder)
    return {"messages": brought, "import_s": took, "peak_bytes": peak, "copy_s": median(copies)}


async def _import(bench: Workbench, folder: Path) -> int:
    """What `hanfleet import-legacy` does between opening the database and its first sentence."""
    read = LegacyFolder(folder, bench.clock.now())
    new = await import_folder(bench.store, bench.master_key, _BOT, read, bench.clock, lambda *_: None)
    return new["messages"]


async def _bare_copies(url: Any, folder: Path) -> list[float]:
    """Seconds for the same rows, read before, into a table without index, partition, key or policy."""
    records = [
        (_BOT, row.id, chat.chat_id, row.direction, row.author, row.text, row.media, row.sent_at, row.created_at)
        for chat in LegacyFolder(folder, SystemClock().now()).chats()
        for row in messages_of(_BOT, chat)
    ]
    connection: Any = await connect(url.render_as_string(hide_password=False), "hanfleet bench", timeout_s=_TIMEOUT_S)
    try:
        return [await _bare_copy(connection, records) for _ in range(_COPIES)]
    finally:
        await connection.close(timeout=5)


async def _bare_copy(connection: Any, records: list[tuple[Any, ...]]) -> float:
    await connection.execute("CREATE TEMP TABLE bare AS SELECT * FROM messages LIMIT 0")
    began = time.perf_counter()
    for start in range(0, len(records), _COPIED_AT_ONCE):
        chunk = records[start : start + _COPIED_AT_ONCE]
        await connection.copy_records_to_table("bare", records=chunk, columns=_COLUMNS)
    took = time.perf_counter() - began
    await connection.execute("DROP TABLE bare")
    return took


def _peak_bytes() -> int:
    """The peak of this program alone; what getrusage tells may be that of whoever started it."""
    found = re.search(r"^VmHWM:\s+([0-9]+) kB$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    configure_logging("bench", human=True)
    print(json.dumps(asyncio.run(_measure(Path(sys.argv[1]), Path(sys.argv[2])))))
