import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hanfleet.control import logs
from hanfleet.control.logs import LogPage, last_lines, lines_after
from hanfleet.core.errors import PermanentError, TemporaryError
from tests.support.file_leases import leased


def test_no_file_is_no_lines(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none.log", 10) == LogPage((), 0)
    assert lines_after(tmp_path / "none.log", 50) == LogPage((), 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text(alphabet="abc é", max_size=40), max_size=30), st.integers(0, 35), st.integers(1, 64))
def test_the_last_lines_are_the_last_whatever_the_block(
    tmp_path: Path, written: list[str], count: int, block: int
) -> None:
    path = tmp_path / "bot.log"
    path.write_text("".join(f"{line}\n" for line in written), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "_BLOCK", block)
        page = last_lines(path, count)
    assert page.lines == tuple(written[len(written) - min(count, len(written)) :])
    assert page.position == path.stat().st_size


def test_a_line_that_is_being_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "bot.log"
    path.write_text("one\ntwo")
    page = last_lines(path, 10)
    assert page.lines == ("one",)
    with path.open("a") as file:
        file.write(" and a half\nthree\n")
    after = lines_after(path, page.position)
    assert after.lines == ("two and a half", "three")
    assert lines_after(path, after.position) == LogPage((), after.position)


def test_a_file_begun_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "bot.log"
    path.write_text("new\n")
    assert lines_after(path, 1_000_000).lines == ("new",)


def test_a_line_longer_than_a_page_comes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_MOST_BYTES", 10)
    path = tmp_path / "bot.log"
    path.write_text("x" * 25 + "\n")
    pieces: list[str] = []
    position = 0
    while (page := lines_after(path, position)).lines:
        pieces += page.lines
        position = page.position
    assert "".join(pieces) == "x" * 25


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "bot.log"
    path.write_bytes(b"\xff\xfe\n")
    assert len(last_lines(path, 1).lines) == 1


def test_nobody_waits_for_a_log_that_is_held(tmp_path: Path) -> None:
    path = tmp_path / "bot.log"
    path.write_text("one\n")
    with leased(path):
        for read in (last_lines, lines_after):
            with pytest.raises(TemporaryError, match=r"bot\.log is held by somebody"):
                read(path, 0)
    assert last_lines(path, 1).lines == ("one",)


@pytest.mark.parametrize("made", [os.mkfifo, lambda path: path.symlink_to("/etc/passwd"), Path.mkdir])
def test_what_is_no_file_is_refused(tmp_path: Path, made: Callable[[Path], None]) -> None:
    made(tmp_path / "bot.log")
    for read in (last_lines, lines_after):
        with pytest.raises(PermanentError, match=r"bot\.log is no file"):
            read(tmp_path / "bot.log", 1)
