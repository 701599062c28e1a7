"""Children of `up`: their start-up channel, readiness, restarts, and ends. Real processes."""

import asyncio
import errno
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from hanfleet.app.children import Child, ChildSpec, keep_running
from hanfleet.app.home import Home
from hanfleet.app.orphans import become_subreaper, keep_reaping, reap_orphans
from hanfleet.app.processes_file import Noted, ProcessesFile
from hanfleet.app.spawn import Spawned, spawn
from hanfleet.app.startup_channel import VARIABLE, offered, read_startup
from hanfleet.core.errors import PermanentError, TemporaryError
from hanfleet.kit.backoff import Backoff
from hanfleet.kit.clock import SystemClock
from hanfleet.launchers.exit_records import read_exit
from hanfleet.launchers.process_table import start_time
from tests.support.ports import free_port
from tests.support.waiting import eventually

_ENVIRON = {"PATH": os.environ["PATH"]}
_QUICK = Backoff(first_s=0.01, longest_s=0.05)


def _python(source: str) -> tuple[str, ...]:
    return (sys.executable, "-c", source)


def _child(tmp_path: Path, source: str, **more: object) -> Child:
    return Child(ChildSpec("child", _python(source), tmp_path / "child.log", **more))  # type: ignore[arg-type]


async def test_secrets_come_by_the_channel_and_by_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANFLEET_DATABASE_URL", "postgresql://admin:hunter2@db/postgres")
    secret = "s3cret" * 50_000
    source = f"""
import json, os, sys
from hanfleet.app.startup_channel import read_startup
payload = read_startup()
seen = open('/proc/self/environ').read() + open('/proc/self/cmdline').read()
json.dump({{"payload": payload.decode(), "seen": seen, "fds": os.listdir('/proc/self/fd')}}, open({str(tmp_path / "out")!r}, "w"))
"""
    child = _child(tmp_path, source, payload=secret.encode)
    await child.start()
    assert await child.wait() == 0
    out = json.loads((tmp_path / "out").read_text())
    assert out["payload"] == secret
    assert "s3cret" not in out["seen"]
    assert "hunter2" not in out["seen"]


def test_the_channel_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with offered(b"hello") as descriptor:
        environ = {VARIABLE: str(os.dup(descriptor))}
    assert read_startup(environ) == b"hello"
    with pytest.raises(PermanentError, match="hanfleet up"):
        read_startup(environ)


async def test_start_waits_until_it_is_ready(tmp_path: Path) -> None:
    flag = tmp_path / "flag"

    async def ready() -> bool:
        return flag.exists()

    source = f"import time; time.sleep(0.1); open({str(flag)!r}, 'w'); time.sleep(60)"
    child = _child(tmp_path, source, ready=ready)
    assert child.pid is None
    await child.start()
    assert flag.exists()
    pid = child.pid
    await child.start()
    assert child.pid == pid
    await child.stop()
    assert child.pid is None
    await child.stop()


async def test_a_child_that_ends_before_it_is_ready_says_why(tmp_path: Path) -> None:
    (tmp_path / "child.log").write_text("an error of an earlier run\n")

    async def never() -> bool:
        return False

    child = _child(tmp_path, "import sys; sys.exit('the port is taken')", ready=never)
    with pytest.raises(PermanentError, match=r"child did not start: the port is taken \(see .*child.log\)"):
        await child.start()


async def test_a_child_that_is_never_ready_is_stopped(tmp_path: Path) -> None:
    async def never() -> bool:
        raise ConnectionRefusedError

    child = _child(tmp_path, "import time; time.sleep(60)", ready=never, ready_within_s=0.2)
    with pytest.raises(TemporaryError, match="child was not ready within"):
        await child.start()
    assert child.pid is None


async def test_who_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    flag = tmp_path / "flag"

    async def ready() -> bool:
        return flag.exists()

    source = f"""
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open({str(flag)!r}, 'w')
time.sleep(60)
"""
    child = _child(tmp_path, source, ready=ready, stop_within_s=0.1)
    await child.start()
    await child.stop()
    assert await child.wait() == -signal.SIGKILL


async def test_who_ignores_sigterm_is_killed_by_a_task_that_is_being_cancelled(tmp_path: Path) -> None:
    process = spawn(["sh", "-c", "trap '' TERM; echo set; sleep 60"], environ=_ENVIRON, output=tmp_path / "log")
    await eventually((tmp_path / "log").read_text)

    async def hold() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await process.stop(signal.SIGTERM, within=0.1)

    holding = asyncio.create_task(hold())
    await asyncio.sleep(0)
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    assert process.returncode == -signal.SIGKILL


async def test_a_program_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="/no/such/program cannot be started"):
        await Child(ChildSpec("child", ("/no/such/program",), tmp_path / "log")).start()


async def test_waiting_before_the_start_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not started"):
        await _child(tmp_path, "").wait()


async def test_it_is_kept_running(tmp_path: Path) -> None:
    child = _child(tmp_path, "import time; time.sleep(60)")
    await child.start()
    keeping = asyncio.create_task(keep_running(child, backoff=_QUICK, clock=SystemClock(), chance=random.Random(1)))
    try:
        for _ in range(3):
            before = child.pid
            assert before is not None
            os.kill(before, signal.SIGKILL)
            await eventually(partial(_runs_anew, child, before))
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        assert child.pid is not None, "who is not kept any more goes on"
        await child.stop()


def _runs_anew(child: Child, before: int) -> bool:
    return child.pid not in (None, before)


class _Stubborn:
    """Runs once, then fails to start a few times."""

    name = "stubborn"
    pid: int | None = 1

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.failures = failures
        self.error = error or PermanentError("the disk is full")
        self.starts: list[float] = []

    async def start(self) -> None:
        self.starts.append(time.monotonic())
        if len(self.starts) <= self.failures:
            raise self.error

    async def wait(self) -> int:
        if len(self.starts) > self.failures:
            await asyncio.Event().wait()
        return 1

    async def stop(self) -> None:
        return


async def test_what_ran_once_is_tried_again_ever_more_slowly() -> None:
    stubborn = _Stubborn(failures=4)
    backoff = Backoff(first_s=0.02, factor=2, longest_s=1, jitter=0)
    keeping = asyncio.create_task(keep_running(stubborn, backoff=backoff, clock=SystemClock(), chance=random.Random(1)))
    await eventually(lambda: len(stubborn.starts) == 5)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    gaps = [later - earlier for earlier, later in zip(stubborn.starts, stubborn.starts[1:], strict=False)]
    assert [gap >= expected for gap, expected in zip(gaps, (0.02, 0.04, 0.08, 0.16), strict=True)] == [True] * 4


_PARENT = """
import os, signal, sys
from pathlib import Path
from hanfleet.app.spawn import spawn
child = spawn(["sleep", "60"], environ={"PATH": os.environ["PATH"]}, output=Path(os.devnull), parent_death_signal=signal.SIGTERM)
free = spawn(["sleep", "60"], environ={"PATH": os.environ["PATH"]}, output=Path(os.devnull))
print(child.pid, free.pid, flush=True)
sys.stdin.read()
"""


async def test_a_child_goes_with_its_parent_only_when_asked_to() -> None:
    with subprocess.Popen(_python(_PARENT), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        bound, free = map(int, parent.stdout.readline().split())
        free_fd, bound_fd = os.pidfd_open(free), os.pidfd_open(bound)
        parent.kill()
    try:
        await eventually(lambda: _over(bound_fd))
        assert not _over(free_fd)
    finally:
        signal.pidfd_send_signal(free_fd, signal.SIGKILL)
        os.close(free_fd)
        os.close(bound_fd)


def _over(pidfd: int) -> bool:
    """Dead, reaped or not: then a pidfd is readable."""
    return bool(select.select([pidfd], [], [], 0)[0])


async def test_a_parent_death_signal_is_for_the_main_thread(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="main thread"):
        await asyncio.to_thread(
            spawn, ["true"], environ={}, output=tmp_path / "log", parent_death_signal=signal.SIGTERM
        )


async def test_several_may_wait_and_one_may_give_up(tmp_path: Path) -> None:
    process = spawn(["sleep", "60"], environ=_ENVIRON, output=tmp_path / "log")
    waiting = [asyncio.create_task(process.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    process.send(signal.SIGKILL)
    assert await asyncio.gather(*waiting[1:]) == [-9, -9]
    assert await process.wait() == -9
    process.send(signal.SIGKILL)


@pytest.fixture
def subreaper():
    import ctypes

    become_subreaper()
    yield
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)


def _orphan(tmp_path: Path, status: int) -> tuple[int, int]:
    """A process whose parent ended at once; it exits with ``status`` when its file `go` appears."""
    source = f"""
import os, sys, time
if os.fork():
    os._exit(0)
with open({str(tmp_path / "pid")!r} + '.new', 'w') as file:
    file.write(str(os.getpid()))
os.rename({str(tmp_path / "pid")!r} + '.new', {str(tmp_path / "pid")!r})
while not os.path.exists({str(tmp_path / "go")!r}):
    time.sleep(0.01)
os._exit({status})
"""
    subprocess.run(_python(source), check=True)
    deadline = time.monotonic() + 10
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    pid = int((tmp_path / "pid").read_text())
    started = start_time(pid)
    assert started is not None
    return pid, started


async def test_orphans_are_reaped_and_recorded(subreaper: None, tmp_path: Path) -> None:
    pid, started = _orphan(tmp_path, 7)
    reaping = asyncio.create_task(keep_reaping(tmp_path, SystemClock()))
    own: Spawned | None = None
    try:
        own = spawn(["sh", "-c", "exit 5"], environ=_ENVIRON, output=tmp_path / "log")
        assert await own.wait() == 5, "the reaper left it to its owner"
        assert read_exit(tmp_path, pid, started) is None
        (tmp_path / "go").touch()
        assert await eventually(lambda: read_exit(tmp_path, pid, started)) == 7
        assert start_time(pid) is None
    finally:
        reaping.cancel()
        await asyncio.gather(reaping, return_exceptions=True)


async def test_our_own_dead_do_not_hide_an_orphan(subreaper: None, tmp_path: Path) -> None:
    own = spawn(["true"], environ=_ENVIRON, output=tmp_path / "log")
    os.waitid(os.P_PID, own.pid, os.WEXITED | os.WNOWAIT)
    pid, started = _orphan(tmp_path, 3)
    (tmp_path / "go").touch()
    await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    records = reap_orphans(tmp_path, SystemClock())
    assert [(record.pid, record.start_time, record.status) for record in records] == [(pid, started, 3)]
    assert await own.wait() == 0
    assert reap_orphans(tmp_path, SystemClock()) == []


async def test_an_orphan_is_reaped_even_when_it_cannot_be_recorded(subreaper: None, tmp_path: Path) -> None:
    pid, _ = _orphan(tmp_path, 3)
    (tmp_path / "go").touch()
    await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert reap_orphans(tmp_path / "missing", SystemClock()) == []
    assert start_time(pid) is None


_ENDING = """
import asyncio, os, subprocess, sys, time
from pathlib import Path
from hanfleet.app.orphans import become_subreaper, end_orphans, keep_reaping
from hanfleet.app.spawn import spawn
from hanfleet.kit.clock import SystemClock

folder = Path(sys.argv[1])

def orphan(name, on_sigterm):
    shell = f"trap '{on_sigterm}' TERM; touch {folder}/{name}.ready; while :; do sleep 0.05; done"
    subprocess.run(["sh", "-c", '"$@" & echo $!', "sh", "sh", "-c", shell], stdout=(folder / f"{name}.pid").open("w"))
    while not (folder / f"{name}.ready").exists():
        time.sleep(0.01)
    return int((folder / f"{name}.pid").read_text())

async def main():
    become_subreaper()
    reaping = asyncio.create_task(keep_reaping(folder, SystemClock()))
    meek, deaf = orphan("meek", f"touch {folder}/drained; exit"), orphan("deaf", "")
    own = spawn(["sleep", "60"], environ={"PATH": os.environ["PATH"]}, output=folder / "log")
    await end_orphans(SystemClock(), within_s=0.5)
    while any(os.path.exists(f"/proc/{pid}") for pid in (meek, deaf)):
        await asyncio.sleep(0.01)
    print("ours has ended:", own.collect())
    reaping.cancel()
    await own.stop(9, within=5)

asyncio.run(main())
"""


def test_living_orphans_are_drained_then_killed_and_our_own_are_left(tmp_path: Path) -> None:
    ended = subprocess.run([*_python(_ENDING), str(tmp_path)], capture_output=True, text=True, timeout=30, check=False)
    assert ended.stdout.endswith("ours has ended: False\n"), ended.stderr
    assert (tmp_path / "drained").exists()


async def test_a_full_disk_does_not_end_the_keeping() -> None:
    stubborn = _Stubborn(failures=2, error=OSError(errno.ENOSPC, "No space left on device"))
    keeping = asyncio.create_task(keep_running(stubborn, backoff=_QUICK, clock=SystemClock(), chance=random.Random(1)))
    await eventually(lambda: len(stubborn.starts) == 3)
    assert not keeping.done()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_a_part_that_cannot_be_noted_runs(tmp_path: Path) -> None:
    (tmp_path / "processes.json").mkdir()
    noted = Noted(_Stubborn(failures=0), ProcessesFile(tmp_path / "processes.json", os.getpid()))
    await noted.start()
    assert noted.pid == 1


_UNKEPT = """
import asyncio, sys
from pathlib import Path
from hanfleet.app import up
from hanfleet.app.settings import Settings

home = Path(sys.argv[1])

async def broken(*_):
    print((home / "processes.json").read_text())
    raise RuntimeError("a bug of the keeper's")

up.keep_logs_short = broken
asyncio.run(up.run_up(Settings(home=home, api_port=int(sys.argv[2])), lambda *_: None))
"""


def test_up_ends_loudly_and_in_order_when_one_of_its_keepers_does(home: Home) -> None:
    ended = subprocess.run(
        [*_python(_UNKEPT), str(home.path), str(free_port())], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "a bug of the keeper's" in ended.stderr
    pids = json.loads(ended.stdout)
    assert set(pids) == {"up", "postgres", "valkey", "api", "zygote", "supervisor"}
    assert [name for name, pid in pids.items() if start_time(pid) is not None] == []
