"""Logs that stay short under the hands of those who write them."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import pytest

from hanfleet.app import short_logs
from hanfleet.app.short_logs import keep_logs_short, shorten
from hanfleet.kit.clock import ManualClock
from tests.support.file_leases import leased
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def _soon_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_logs, "LONGEST", 100)


def test_a_long_log_is_set_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    log, aside = tmp_path / "api.log", tmp_path / "api.log.1"
    aside.write_text("what was set aside before")
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old line\n" + b"x" * 92)
        assert shorten(log)
        writer.write(b"new line\n")
    assert log.read_bytes() == b"new line\n"
    assert aside.read_bytes() == (b"old line\n" + b"x" * 92)[-100:]


def test_a_short_one_stays(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_bytes(b"x" * 100)
    assert not shorten(log)
    assert log.stat().st_size == 100
    assert not (tmp_path / "api.log.1").exists()


@pytest.mark.parametrize("name", ["api.log", "api.log.1"])
def test_no_link_is_followed(tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"p" * 200)
    (tmp_path / "api.log").write_bytes(b"x" * 200)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to(precious)
    with pytest.raises(OSError, match="symbolic links"):
        shorten(tmp_path / "api.log")
    assert precious.read_bytes() == b"p" * 200


async def test_one_that_cannot_be_shortened_keeps_nobody_from_it(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.log").write_bytes(b"x" * 200)
    os.mkfifo(tmp_path / "0.fifo.log")
    (tmp_path / "1.log").unlink()
    (tmp_path / "1.log").symlink_to(tmp_path / "0.log.1")
    keeping = asyncio.create_task(keep_logs_short((tmp_path / "none", tmp_path), ManualClock()))
    try:
        await eventually(lambda: (tmp_path / "2.log").stat().st_size == 0)
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
    assert (tmp_path / "0.log").stat().st_size == 0
    assert (tmp_path / "0.log.1").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["api.log", "api.log.1"])
def test_nobody_is_waited_for_who_holds_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "api.log").write_bytes(b"x" * 101)
    with leased(tmp_path / name), pytest.raises(BlockingIOError):
        shorten(tmp_path / "api.log")
    assert shorten(tmp_path / "api.log")
