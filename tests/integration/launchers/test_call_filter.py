"""What a captured worker would ask of the kernel to go past its limits, its folders and its own process."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

#: Makes a thread, then tries ``{way}`` on a process and a file of the same user; prints what came of it.
_ATTACK = """
import ctypes, fcntl, mmap, os, resource, sys, threading
from hanfleet.launchers.call_filter import filter_calls

libc = ctypes.CDLL(None, use_errno=True)
victim, path = int(sys.argv[1]), sys.argv[2]
file = os.open(path, os.O_RDWR)
if {filtered}:
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # no new privileges
    assert filter_calls(libc)
thread = threading.Thread(target=print, args=["a thread"])
thread.start()
thread.join()


def done(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def call(number, *arguments):
    return done(libc.syscall(number, *arguments))


def end(pid):
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


try:
    {way}
except OSError as refused:
    print(type(refused).__name__, refused.errno)
else:
    print("done", flush=True)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
X86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="calls have other numbers there")

#: Each is possible without the filter, and leaves nothing behind.
_WAYS = [
    "end(os.fork())",
    "end(os.posix_spawn('/bin/true', ['true'], {}))",
    "resource.prlimit(victim, resource.RLIMIT_CPU)",
    "resource.prlimit(victim, resource.RLIMIT_NOFILE, (4, 4))",
    "os.setpriority(os.PRIO_PROCESS, victim, 19)",
    "os.sched_setaffinity(victim, os.sched_getaffinity(0))",
    "os.sched_setscheduler(victim, os.SCHED_IDLE, os.sched_param(0))",
    "os.sched_setparam(victim, os.sched_param(0))",
    pytest.param("call(251, 1, victim, 3 << 13)", marks=X86),  # ioprio_set
    "mmap.mmap(-1, 4096)",
    "mmap.mmap(-1, 4096, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)",
    "os.memfd_create('memory')",
    "done(libc.shmctl(done(libc.shmget(0, 4096, 0o1600)), 0, None))",
    "done(libc.semctl(done(libc.semget(0, 1, 0o1600)), 0, 0))",
    "done(libc.msgctl(done(libc.msgget(0, 0o1600)), 0, None))",
    "done(libc.inotify_init())",
    "fcntl.flock(file, fcntl.LOCK_EX)",
    "fcntl.lockf(file, fcntl.LOCK_EX)",
    "fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)",
    "fcntl.fcntl(file, fcntl.F_SETOWN, victim)",
    "os.chmod(path, 0o777)",
    "os.fchmod(file, 0o777)",
    "os.chown(path, os.getuid(), os.getgid())",
    "os.utime(path, (1, 1))",
    "done(libc.prctl(4, 0, 0, 0, 0))",  # not to be dumped, and so not to be looked at
]


@pytest.mark.parametrize("way", _WAYS)
def test_no_worker_goes_this_way(way: str, tmp_path: Path) -> None:
    assert _said(way, tmp_path, filtered=True) == ["a thread", "PermissionError 1"]


@pytest.mark.parametrize("way", _WAYS)
def test_without_the_filter_anybody_does(way: str, tmp_path: Path) -> None:
    assert _said(way, tmp_path, filtered=False) == ["a thread", "done"]


@pytest.mark.parametrize(
    ("way", "refusal"),
    [
        pytest.param("call(56, 17)", "PermissionError 1", marks=X86),  # clone(SIGCHLD) on x86-64
        pytest.param("call(56, 0x100 | 17)", "PermissionError 1", marks=X86),  # sharing memory, and still a process
        # A thread with descriptors of its own: CLONE_VM, SIGHAND and THREAD without FILES.
        pytest.param("call(56, 0x10900, 0, 0, 0, 0)", "PermissionError 1", marks=X86),
        pytest.param("call(0x40000000 | 57)", "OSError 38", marks=X86),  # fork of the x32 interface
        ("call(425, 1, None)", "OSError 38"),  # io_uring_setup
        ("call(434, victim, 0)", "OSError 38"),  # pidfd_open
        ("call(447, 0)", "OSError 38"),  # memfd_secret
        ("done(libc.unshare(0x10000000))", "PermissionError 1"),  # a user namespace
        ("done(libc.setns(file, 0))", "PermissionError 1"),
        pytest.param("call(250, 0, -3, 0)", "PermissionError 1", marks=X86),  # keyctl
        pytest.param("call(240, b'queue', 0o102, 0o600, None)", "PermissionError 1", marks=X86),  # mq_open
        pytest.param("call(321, 0, None, 0)", "PermissionError 1", marks=X86),  # bpf
        pytest.param("call(323, 1)", "PermissionError 1", marks=X86),  # userfaultfd
        pytest.param("call(298, None, 0, -1, -1, 0)", "PermissionError 1", marks=X86),  # perf_event_open
    ],
)
def test_nor_a_way_that_only_some_kernels_have(way: str, refusal: str, tmp_path: Path) -> None:
    assert _said(way, tmp_path, filtered=True) == ["a thread", refusal]


@pytest.mark.parametrize(
    "way",
    [
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
        "mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)",
        "os.truncate(file, 4096), mmap.mmap(file, 4096)",
        "os.set_blocking(file, False)",
        "os.close(os.dup(file))",
        "os.close(fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 10))",
        "os.access(path, os.R_OK, effective_ids=True)",
    ],
)
def test_what_libraries_do_goes_on(way: str, tmp_path: Path) -> None:
    assert _said(way, tmp_path, filtered=True) == ["a thread", "done"]


def _said(way: str, tmp_path: Path, *, filtered: bool) -> list[str]:
    file = tmp_path / "file"
    file.touch()
    code = _ATTACK.replace("{way}", way).replace("{filtered}", str(filtered))
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as victim:
        ended = subprocess.run(
            [sys.executable, "-c", code, str(victim.pid), str(file)], capture_output=True, text=True, check=True
        )
        victim.communicate()
    assert ended.stderr == ""
    return ended.stdout.splitlines()
