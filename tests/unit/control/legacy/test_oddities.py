"""The report of what was odd, also where nearly everything was."""

import json
from dataclasses import asdict

import pytest

from hanfleet.control.legacy.oddities import Oddities


@pytest.mark.parametrize("count", [0, 1, 999, 1_000, 1_001, 2_500])
def test_the_pieces_of_a_report_are_one_document(count: int) -> None:
    oddities = Oddities()
    for number in range(count):
        oddities.note("conversations/5.json", number, 'a time without a zone: "ё"', "kept")
    whole = json.dumps([asdict(entry) for entry in oddities.entries], ensure_ascii=False, indent=1)
    assert oddities.as_json() == whole
    assert max(map(len, oddities.pieces())) < 200_000


def test_entries_of_one_file_share_its_name() -> None:
    oddities = Oddities()
    for number in range(2):
        oddities.note("conversations/" + "5.json", number, "no time: null", "kept")
    one, other = oddities.entries
    assert one.file is other.file
    assert not hasattr(one, "__dict__")
