"""One PostgreSQL for a whole test run, shared by all xdist workers, and a Valkey for each; gone when the run is over.

Tests have databases of their own, but a bus is one fleet's: two tests with bots of one name would answer each other's
commands. The first that needs a server starts a keeper, a process that starts it and then asks the kernel for an
exclusive lock on a file of which every user holds a shared one. It gets the lock when the last user has let go or has
died, however it died; then it stops the server, removes its home and ends.
"""

import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

_ROOT = Path(__file__).parent.parent.parent
_MEMORY, _ROOM = Path("/dev/shm"), 4 << 30
keepers: set[int] = set()


Kind = Literal["postgres", "valkey"]


@contextmanager
def shared_server(kind: Kind, folder: Path) -> Iterator[str]:
    """Use the server that belongs to ``folder``, starting it when nobody did; gives its administrator's URL."""
    folder.mkdir(exist_ok=True)
    keeper: subprocess.Popen[bytes] | None = None
    with (folder / "users.lock").open("a") as users:
        with (folder / "start.lock").open("a") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            # Blocks only while an old keeper is on its way out.
            fcntl.flock(users, fcntl.LOCK_SH)
            url = folder / "url"
            if not url.exists():
                keeper = _start_keeper(kind, folder)
                keepers.add(keeper.pid)
        try:
            yield url.read_text()
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
    if keeper:
        keeper.wait()
        keepers.discard(keeper.pid)


def _start_keeper(kind: Kind, folder: Path) -> subprocess.Popen[bytes]:
    log = folder / "keeper.log"
    read_end, write_end = os.pipe()
    with log.open("ab") as output, os.fdopen(read_end, "rb") as ready:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.servers", kind, str(folder), str(write_end)],
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
            raise RuntimeError(f"the test server did not start: {log.read_text()[-2000:]}")
    return keeper


def _work_in_memory() -> None:
    """Put homes on the system's memory file system where there is room: cloning a database takes a third of the time."""
    from hanfleet.app import home

    with suppress(OSError):
        if shutil.disk_usage(_MEMORY).free > _ROOM:
            tempfile.tempdir = str(_MEMORY)
            home.STATE_BASE = _MEMORY / "hanfleet-tests"


async def _keep(kind: str, folder: Path, ready: int) -> None:
    from hanfleet.app.embedded import EmbeddedPostgres, EmbeddedValkey
    from hanfleet.app.home import Home

    _work_in_memory()
    home = Home.temporary()
    server = (
        EmbeddedPostgres(home, bots=80, durable=False) if kind == "postgres" else EmbeddedValkey(home, durable=False)
    )
    url = folder / "url"
    try:
        await server.start()
        url.write_text(server.url)
        os.write(ready, b"ready")
        os.close(ready)
        with (folder / "users.lock").open("a") as users:
            await asyncio.to_thread(fcntl.flock, users, fcntl.LOCK_EX)
            url.unlink()
            await server.stop()
    finally:
        await server.stop()
        home.destroy()


if __name__ == "__main__":
    asyncio.run(_keep(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
