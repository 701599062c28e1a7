"""A worker that could fork would have the limits of a process many times over, and live on when it is killed."""

import platform
import subprocess
import sys

import pytest

#: Makes a thread, then tries ``{way}``; prints what came of it.
_ATTACK = """
import ctypes, os, threading
from hanfleet.launchers.one_process import stay_one_process

libc = ctypes.CDLL(None, use_errno=True)
if {filtered}:
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # no new privileges
    assert stay_one_process(libc)
thread = threading.Thread(target=print, args=["a thread"])
thread.start()
thread.join()


def call(number, flags):
    pid = libc.syscall(number, flags, None, None, None, None)
    if pid < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return pid


try:
    pid = {way}
except OSError as refused:
    print(type(refused).__name__, refused.errno)
else:
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    print("made", flush=True)
"""


X86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="calls have other numbers there")


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
@pytest.mark.parametrize(
    ("way", "refusal"),
    [
        ("os.fork()", "PermissionError 1"),
        ("os.posix_spawn('/bin/true', ['true'], {})", "PermissionError 1"),
        pytest.param("call(56, 17)", "PermissionError 1", marks=X86),  # clone(SIGCHLD) on x86-64
        pytest.param("call(56, 0x100 | 17)", "PermissionError 1", marks=X86),  # sharing memory, and still a process
        pytest.param("call(0x40000000 | 57, 0)", "PermissionError 1", marks=X86),  # fork of the x32 interface
    ],
)
def test_no_way_makes_a_process_and_threads_go_on(way: str, refusal: str) -> None:
    assert _said(way, filtered=True) == ["a thread", refusal]


@pytest.mark.parametrize("way", ["os.fork()", "os.posix_spawn('/bin/true', ['true'], {})"])
def test_without_the_filter_each_does(way: str) -> None:
    assert _said(way, filtered=False) == ["a thread", "made"]


def _said(way: str, *, filtered: bool) -> list[str]:
    code = _ATTACK.replace("{way}", way).replace("{filtered}", str(filtered))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    return ended.stdout.splitlines()
