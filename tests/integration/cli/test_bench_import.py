"""`hanfleet bench import` in small: the folder that it makes is an ordinary one, and all of it comes in."""

from datetime import UTC, datetime
from pathlib import Path

from hanfleet.cli.benchmarks.imports import bench_import
from hanfleet.cli.benchmarks.old_folder import write_old_folder
from hanfleet.control.legacy import LegacyFolder, survey

_LATER = datetime(2030, 1, 1, tzinfo=UTC)


def test_nothing_in_the_old_folder_is_odd(tmp_path: Path) -> None:
    assert write_old_folder(tmp_path, 410) == 3
    folder = LegacyFolder(tmp_path, _LATER)
    found = survey(folder, lambda *_: None)
    # Without a .env there is no bot in it.
    assert [entry.record for entry in folder.oddities.entries if entry.file] == []
    assert (found["chats"], found["messages"]) == (3, 410)
    chats = list(LegacyFolder(tmp_path, _LATER).chats())
    assert [chat.profile is not None for chat in chats] == [True] * 3


async def test_all_messages_and_a_quarter_of_them_are_imported_and_measured() -> None:
    said: list[str] = []
    figures = await bench_import(1_000, said.append)
    assert [(row["what"], row["chats"]) for row in figures.rows] == [("250 messages", 2), ("1,000 messages", 5)]
    assert all(row["per_second"] > 0 and row["bare_copy_per_second"] > 0 and row["ratio"] > 0 for row in figures.rows)
    # At least the interpreter, and no server in it.
    assert all(10 < row["peak_mb"] < 500 for row in figures.rows)
    assert "import: importing 1,000 messages" in said
