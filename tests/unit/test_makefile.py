"""What `make test` asks of pytest: the limit of coverage belongs to the whole run alone."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("arguments", "limited"), [((), True), (("ARGS=",), True), (("ARGS=-k word",), False)])
def test_only_a_whole_run_has_to_reach_the_limit(arguments: tuple[str, ...], limited: bool) -> None:
    command = ["make", "--dry-run", "--no-print-directory", "-C", str(ROOT), "test", *arguments]
    told = subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, check=True, capture_output=True, text=True)
    assert ("--cov-fail-under" in told.stdout) is limited
    assert ("-k word" in told.stdout) is not limited
