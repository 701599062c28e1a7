"""One PostgreSQL and one Valkey for a whole test run, shared by all xdist workers and gone when the run is over.

The first worker that needs them starts a keeper, a process that starts both servers and then asks the kernel for an
exclusive lock on a file of which every user holds a shared one. It gets the lock when the last user has let go or has
died, however it died; then it stops the servers, removes their home and ends.
"""

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parent.parent.parent
_MEMORY, _ROOM = Path("/dev/shm"), 4 << 30
keepers: set[int] = set()


@dataclass(frozen=True)
class ServerUrls:
    postgres: str
    valkey: str


@contextmanager
def shared_servers(folder: Path) -> Iterator[ServerUrls]:
    """Use the servers that belong to ``folder`` (one per test run), starting them when nobody did."""
    folder.mkdir(exist_ok=True)
    keeper: subprocess.Popen[bytes] | None = None
    with (folder / "users.lock").open("a") as users:
        with (folder / "start.lock").open("a") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            # Blocks only while an old keeper is on its way out.
            fcntl.flock(users, fcntl.LOCK_SH)
            urls = folder / "urls.json"
            if not urls.exists():
                keeper = _start_keeper(folder)
                keepers.add(keeper.pid)
        try:
            yield ServerUrls(**json.loads(urls.read_text()))
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
    if keeper:
        keeper.wait()
        keepers.discard(keeper.pid)


def _start_keeper(folder: Path) -> subprocess.Popen[bytes]:
    log = folder / "keeper.log"
    read_end, write_end = os.pipe()
    with log.open("ab") as output, os.fdopen(read_end, "rb") as ready:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.servers", str(folder), str(write_end)],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[write_end],
            # Ctrl-C is for pytest; the keeper goes when pytest has gone.
            start_new_session=True,
        )
        os.close(write_end)
        if ready.read() != b"ready":
            keeper.wait()
            raise RuntimeError(f"the test servers did not start: {log.read_text()[-2000:]}")
    return keeper


def _work_in_memory() -> None:
    """Put homes on the system's memory file system where there is room: cloning a database takes a third of the time."""
    from hanfleet.app import home

    with suppress(OSError):
        if shutil.disk_usage(_MEMORY).free > _ROOM:
            tempfile.tempdir = str(_MEMORY)
            home.STATE_BASE = _MEMORY / "hanfleet-tests"


async def _keep(folder: Path, ready: int) -> None:
    from hanfleet.app.embedded import EmbeddedPostgres, EmbeddedValkey
    from hanfleet.app.home import Home

    _work_in_memory()
    home = Home.temporary()
    postgres = EmbeddedPostgres(home, bots=80, durable=False)
    valkey = EmbeddedValkey(home, durable=False)
    urls = folder / "urls.json"
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(postgres.start())
            both.create_task(valkey.start())
        urls.write_text(json.dumps({"postgres": postgres.url, "valkey": valkey.url}))
        os.write(ready, b"ready")
        os.close(ready)
        with (folder / "users.lock").open("a") as users:
            await asyncio.to_thread(fcntl.flock, users, fcntl.LOCK_EX)
            urls.unlink()
            await valkey.stop()
            await postgres.stop()
    finally:
        await valkey.stop()
        await postgres.stop()
        home.destroy()


if __name__ == "__main__":
    asyncio.run(_keep(Path(sys.argv[1]), int(sys.argv[2])))
