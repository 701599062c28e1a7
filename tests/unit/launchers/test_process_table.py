import os
import signal
import subprocess
import sys

import pytest

from hanfleet.core.process import ProcessRef
from hanfleet.launchers.process_table import ProcessHandle, boot_id, is_alive, node_name, ref_of, start_time


@pytest.fixture
def child():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield child
    child.kill()
    child.wait()


def ref(child) -> ProcessRef:
    found = ref_of(child.pid, node_name())
    assert found
    return found


def test_start_time_agrees_with_the_kernels_other_account(child):
    """Two processes of one moment differ by pid, one process never differs from itself."""
    assert start_time(child.pid) == ref(child).start_time
    assert ref(child).boot_id == boot_id()
    assert _started(os.getpid()) <= _started(child.pid)


def test_name_with_parentheses_and_spaces(tmp_path):
    odd = tmp_path / "a) S (b 1 2"
    odd.symlink_to("/bin/sleep")
    process = subprocess.Popen([odd, "60"])
    try:
        assert is_alive(ref(process))
        assert _started(process.pid) >= _started(os.getpid())
    finally:
        process.kill()
        process.wait()


def test_stopped_process_lives_and_a_zombie_is_dead(child):
    it = ref(child)
    child.send_signal(signal.SIGSTOP)
    assert is_alive(it)
    handle = ProcessHandle.open(it)
    assert handle
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(it)
    assert handle.is_dead()
    child.wait()
    assert start_time(child.pid) is None
    assert ref_of(child.pid, "n") is None
    assert ProcessHandle.open(it) is None
    handle.send(signal.SIGKILL)  # nobody is hit
    handle.close()
    with pytest.raises(ValueError, match="closed"):
        handle.is_dead()


async def test_kill_returns_when_it_is_dead(child):
    handle = ProcessHandle.open(ref(child))
    assert handle
    await handle.kill()
    assert handle.is_dead()
    handle.close()


def test_running_out_of_descriptors_is_not_a_death(child, monkeypatch):
    def exhausted(pid, flags=0):
        raise OSError(24, "Too many open files")

    it = ref(child)
    monkeypatch.setattr(os, "pidfd_open", exhausted)
    with pytest.raises(OSError, match="Too many"):
        is_alive(it)


def _started(pid: int) -> int:
    started = start_time(pid)
    assert started is not None
    return started
