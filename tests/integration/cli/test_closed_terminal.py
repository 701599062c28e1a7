"""Who closes the terminal of a fleet or of the demo ends it in order, as a service's manager would."""

import asyncio
import os
import pty
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hanfleet.app.home import STATE_BASE, Home
from hanfleet.app.place import key_by_path
from hanfleet.app.signals import on_ending
from tests.support.ports import free_port
from tests.support.waiting import eventually


async def _close_the_terminal_of(arguments: tuple[str, ...], ready: Callable[[], bool], folder: Path) -> int:
    """Run the command in a terminal that is closed once it is ``ready``; gives its exit status."""
    pid, terminal = pty.fork()
    if pid == 0:
        # Whoever runs the tests may have them ignore it, and a command respects that.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        environ = {**os.environ, "TMPDIR": str(folder), "HANFLEET_LANG": "en", "TERM": "xterm"}
        os.execve(sys.executable, [sys.executable, "-m", "hanfleet", *arguments], environ)
    os.set_blocking(terminal, False)

    def glance() -> bool:
        # Somebody has to read it, or the writer waits.
        with suppress(OSError):
            os.read(terminal, 65536)
        return ready()

    try:
        await eventually(glance, within=60)
        os.close(terminal)
        _, status = await eventually(lambda: _ended(pid), within=60)
    except BaseException:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        raise
    return os.waitstatus_to_exitcode(status)


def _ended(pid: int) -> tuple[int, int] | None:
    found = os.waitpid(pid, os.WNOHANG)
    return found if found[0] else None


async def test_a_fleet_drains_and_stops(tmp_path: Path) -> None:
    home = Home.temporary()
    command = ("up", "--home", str(home.path), "--api-port", str(free_port()))
    try:
        assert await _close_the_terminal_of(command, home.api_url.exists, tmp_path) == 0
        assert not home.api_url.exists()
        assert not (home.path / "processes.json").exists()
    finally:
        home.destroy()


async def test_the_demo_leaves_nothing() -> None:
    # Not pytest's own folder, whose path is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="hft-") as made:
        folder, homes = Path(made), set[Path]()

        def set_up() -> bool:
            homes.update(found.parent for found in folder.glob("hanfleet-stage-*/home/processes.json"))
            return bool(homes)

        assert await _close_the_terminal_of(("demo", "--bots", "1", "--contacts", "1"), set_up, folder) == 0
        assert [path.name for path in folder.glob("hanfleet-stage-*")] == []
        (home,) = homes
        assert not (STATE_BASE / key_by_path(home)).exists()


async def test_nohup_keeps_it_running() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        chosen = on_ending(lambda: None)
        assert chosen == [signal.SIGINT, signal.SIGTERM]
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        for number in chosen:
            asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(signal.SIGHUP, before)
