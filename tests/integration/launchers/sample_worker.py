"""A worker of the tests' own: does what the bot's name says, and nothing of a real worker.

`python -m tests.integration.launchers.sample_worker SOCKET EXITS` is a zygote that forks it.
"""

import ctypes
import json
import mmap
import os
import platform
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from hanfleet.core.startup import WorkerStartup
from hanfleet.launchers.process.zygote import serve

#: System calls on x86-64 and aarch64. The first asks for the leave that ptrace and the folders of /proc ask for.
_GET_ROBUST_LIST, _EXIT = (274, 100), (60, 93)


def run(startup: WorkerStartup) -> int:
    behaviour = startup.bot_id.split("-", maxsplit=1)[0]
    return {
        "sleepy": _sleep_until_asked,
        "stubborn": _ignore_the_request,
        "clean": lambda _: 0,
        "reauth": lambda _: 82,
        "raising": _raise,
        "curious": _look_around,
        "greedy": _take_memory,
        "knocking": _knock_and_hide,
        "hasty": _come_and_go,
    }[behaviour](startup)


def _sleep_until_asked(startup: WorkerStartup) -> int:
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    print(f"epoch {startup.epoch} ready", flush=True)
    while not asked.is_set():
        time.sleep(0.05)
    print("drained", flush=True)
    return 0


def _ignore_the_request(startup: WorkerStartup) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready", flush=True)
    while True:
        time.sleep(1)


def _raise(startup: WorkerStartup) -> int:
    raise RuntimeError("on purpose")


def _look_around(startup: WorkerStartup) -> int:
    """Tell what a contained worker can reach."""
    forbidden, victim = Path(startup.telegram_server.address), startup.telegram_server.port  # type: ignore[union-attr]
    found = {
        "session_leader": os.getsid(0) == os.getpid(),
        "descriptors": sorted(int(entry.name) for entry in Path("/proc/self/fd").iterdir()),
        "reads_foreign_file": _can(forbidden.read_text),
        "writes_foreign_file": _can(lambda: forbidden.with_name("new").write_text("x")),
        "reads_environment": _can(lambda: Path(os.__file__).read_bytes()),
        "uid": os.getuid(),
        # asyncpg does that at each log-in over TCP.
        "looks_into_home": _can((Path.home() / ".postgresql" / "postgresql.key").exists),
        "signals_foreign_process": _can(lambda: os.kill(victim, 0)),
        "looks_into_foreign_process": _can(lambda: _call(_GET_ROBUST_LIST, victim)),
        "listens": _can(lambda: socket.create_server(("127.0.0.1", 0)).close()),
        "reads_itself": _can(lambda: Path(f"/proc/{os.getpid()}/smaps_rollup").read_text()),
        "makes_process": _can(_fork),
        "makes_thread": _can(lambda: threading.Thread(target=print).start()),
        "interrupt_ignored": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        "term_default": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
        "key": startup.data_keys[1].get_secret_value().hex(),
    }
    print("found " + json.dumps(found), flush=True)
    return 0


def _take_memory(startup: WorkerStartup) -> int:
    """Tell how many MiB can be had in ways that RLIMIT_DATA does not see."""
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_long)
    libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    private, grows_down = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 0x100
    step, taken = 64, 0
    for flags in [private] * 64 + [private | grows_down] * 64:
        address = libc.mmap(None, step << 20, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
        if address != ctypes.c_void_p(-1).value:
            libc.mprotect(address, step << 20, mmap.PROT_READ)
            taken += step
    print(f"took {taken}", flush=True)
    return 0


def _knock_and_hide(startup: WorkerStartup) -> int:
    """Hold what is to be counted and what is not; then the first thread ends, and another one goes on."""
    assert startup.telegram_server
    pair = socket.socketpair()
    model = socket.create_connection(("127.0.0.1", startup.telegram_server.port))
    knocks = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    for knock in knocks:
        knock.connect(startup.telegram_server.address)
    threading.Thread(target=time.sleep, args=[3600]).start()
    print("ready", [each.fileno() for each in (*pair, model, *knocks)], flush=True)
    _call(_EXIT, 0)
    return 0


def _come_and_go(startup: WorkerStartup) -> int:
    assert startup.telegram_server
    address = startup.telegram_server.address
    while True:
        with socket.socket(socket.AF_UNIX) as knock:
            knock.connect(address)


def _call(numbers: tuple[int, int], *arguments: int) -> None:
    number = numbers[platform.machine() == "aarch64"]
    if ctypes.CDLL(None, use_errno=True).syscall(number, *arguments, *[ctypes.byref(ctypes.c_void_p())] * 2) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def _fork() -> None:
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _can(deed: Callable[[], object]) -> bool:
    try:
        deed()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    serve(Path(sys.argv[1]), run, Path(sys.argv[2]))
