"""The zygote's manners towards whoever asks, without its loop; the fork is a real one."""

import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from hanfleet.core.errors import ConflictError
from hanfleet.core.failures import FailureKind
from hanfleet.core.startup import WorkerLimits
from hanfleet.launchers import launcher_named
from hanfleet.launchers.exit_records import read_exit
from hanfleet.launchers.process import zygote as module
from hanfleet.launchers.process.launcher import ProcessLauncher
from hanfleet.launchers.process.wire import Answer, List, Spawn
from hanfleet.launchers.process.zygote import Zygote


@pytest.fixture
def zygote(tmp_path):
    (tmp_path / "exits").mkdir()
    zygote = Zygote(tmp_path / "z.sock", lambda startup: startup.epoch, tmp_path / "exits", [])
    yield zygote
    for end in (zygote._listener, zygote._wakeup_r, zygote._wakeup_w):
        end.close()


def ask(zygote: Zygote, line: bytes, descriptors: tuple[int, ...] = ()) -> Answer:
    ours, theirs = socket.socketpair()
    with ours:
        socket.send_fds(ours, [line], list(descriptors))
        ours.shutdown(socket.SHUT_WR)
        zygote._serve_one(theirs)
        return Answer.model_validate_json(ours.recv(65536))


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def spawn_in(tmp_path) -> bytes:
    return Spawn(bot_id="anna", log_path=tmp_path / "anna.log", limits=WorkerLimits()).to_line()


def test_what_it_refuses(zygote, tmp_path, monkeypatch):
    assert "understand" in (ask(zygote, b"hello\n").error or "")
    assert "understand" in (ask(zygote, b'{"op":"fly"}\n').error or "")
    assert "one line" in (ask(zygote, b"no end").error or "")
    assert "descriptor" in (ask(zygote, spawn_in(tmp_path)).error or "")
    monkeypatch.setattr(module, "_peer", lambda _: (os.getpid(), os.geteuid() + 1))
    assert "own user" in (ask(zygote, List().to_line()).error or "")


def test_who_may_ask_nothing_is_not_waited_for(zygote, monkeypatch):
    monkeypatch.setattr(module, "_is_contained", lambda _: True)
    ours, theirs = socket.socketpair()
    with ours:
        # Nothing is sent, and the end stays open: reading it would take the zygote's patience.
        began = time.monotonic()
        zygote._serve_one(theirs)
        assert time.monotonic() - began < module._PATIENCE_S
        assert "contained" in (Answer.model_validate_json(ours.recv(65536)).error or "")


def test_a_request_in_small_pieces_has_no_more_time_than_another(zygote, monkeypatch):
    """A byte each time before patience ends would hold up the zygote for ever."""
    monkeypatch.setattr(module, "_PATIENCE_S", 0.2)
    ours, theirs = socket.socketpair()
    given_up = threading.Event()

    def drip() -> None:
        with suppress(OSError):
            for _ in range(100):
                ours.send(b"{")
                if given_up.wait(0.05):
                    return

    dripping = threading.Thread(target=drip)
    with ours:
        dripping.start()
        began = time.monotonic()
        zygote._serve_one(theirs)
        took = time.monotonic() - began
        given_up.set()
        dripping.join()
        assert took < 2.0
        assert "cannot do this now" in (Answer.model_validate_json(ours.recv(65536)).error or "")


def test_failed_fork_is_told_and_nothing_is_kept(zygote, tmp_path, monkeypatch):
    def no_fork():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", no_fork)
    before = _open_descriptors()
    read_end, write_end = os.pipe()
    answer = ask(zygote, spawn_in(tmp_path), (read_end,))
    os.close(read_end)
    os.close(write_end)
    assert "cannot do this now" in (answer.error or "")
    assert _open_descriptors() == before
    assert ask(zygote, List().to_line()).workers == ()


def test_worker_with_a_senseless_startup_ends_as_a_bug_and_is_recorded(zygote, tmp_path):
    read_end, write_end = os.pipe()
    os.write(write_end, b"not a startup")
    os.close(write_end)
    answer = ask(zygote, spawn_in(tmp_path), (read_end,))
    os.close(read_end)
    (born,) = answer.workers
    os.waitid(os.P_PID, born.pid, os.WEXITED | os.WNOWAIT)
    zygote._reap()
    assert read_exit(tmp_path / "exits", born.pid, born.start_time) == FailureKind.BUG.exit_status
    assert ask(zygote, List().to_line()).workers == ()


def test_one_zygote_for_one_socket(tmp_path):
    path = tmp_path / "z.sock"
    path.write_text("left behind by a dead one")
    with module._sole(path):
        assert not path.exists()
        with pytest.raises(ConflictError, match=str(os.getpid())), module._sole(path):
            pass


def test_launchers_are_known_by_name():
    assert launcher_named("process") is ProcessLauncher
    with pytest.raises(ValueError, match="process"):
        launcher_named("rocket")
