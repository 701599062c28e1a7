"""Exit records: written by whoever reaps, read by whoever asks, swept in the end."""

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hanfleet.kit.clock import ManualClock
from hanfleet.launchers import exit_records
from hanfleet.launchers.exit_records import ExitRecord, read_exit, read_record, sweep, take_zombie, write_exit
from hanfleet.launchers.process_table import start_time

_AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def _zombie(status: int = 0, *, killed_by: int = 0) -> int:
    """A dead child that nobody has reaped."""
    pid = os.fork()
    if pid == 0:
        if killed_by:
            signal.signal(signal.SIGABRT, signal.SIG_DFL)
            os.kill(os.getpid(), killed_by)
        os._exit(status)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_exit(tmp_path, 7, 123, -9, clock=ManualClock(_AT))
    assert read_record(tmp_path, 7, 123) == ExitRecord(7, 123, -9, _AT)
    assert read_exit(tmp_path, 7, 123) == -9
    assert read_exit(tmp_path, 7, 124) is None
    assert [path.name for path in tmp_path.iterdir()] == ["7-123.json"]


def test_a_record_of_another_boot_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_exit(tmp_path, 7, 123, 0)
    monkeypatch.setattr(exit_records, "boot_id", lambda: "another")
    assert read_exit(tmp_path, 7, 123) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"boot_id": 1}', "ÿ"])
def test_a_damaged_record_does_not_count(tmp_path: Path, text: str) -> None:
    (tmp_path / "7-123.json").write_text(text)
    assert read_exit(tmp_path, 7, 123) is None


def test_sweep_keeps_the_recent_ones(tmp_path: Path) -> None:
    clock = ManualClock(_AT)
    write_exit(tmp_path, 1, 1, 0, clock=clock)
    clock.advance(60)
    write_exit(tmp_path, 2, 2, 0, clock=clock)
    (tmp_path / "3-3.json").write_text("broken")
    assert sweep(tmp_path, older_than=_AT + timedelta(seconds=30)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["2-2.json"]


@pytest.mark.parametrize(("how", "status"), [({"status": 3}, 3), ({"killed_by": signal.SIGKILL}, -9)])
def test_a_zombie_is_recorded_and_reaped(tmp_path: Path, how: dict[str, int], status: int) -> None:
    pid = _zombie(**how)
    started = start_time(pid)
    record = take_zombie(tmp_path, pid, clock=ManualClock(_AT))
    assert record == ExitRecord(pid, started or 0, status, _AT)
    assert json.loads((tmp_path / f"{pid}-{started}.json").read_text())["status"] == status
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def test_who_is_no_dead_child_is_left_alone(tmp_path: Path) -> None:
    assert take_zombie(tmp_path, os.getpid()) is None
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write_end)
        os.read(read_end, 1)
        os._exit(0)
    assert take_zombie(tmp_path, pid) is None
    os.close(read_end)
    os.close(write_end)
    os.waitpid(pid, 0)


def test_a_zombie_is_reaped_even_when_it_cannot_be_recorded(tmp_path: Path) -> None:
    pid = _zombie()
    with pytest.raises(FileNotFoundError):
        take_zombie(tmp_path / "missing", pid)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
