"""Two commands on one home without a fleet: the second would lose its database when the first one ends."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hanfleet.app.home import Home
from tests.support.legacy import SAMPLE

# A command that works on the database until it is told to go on.
AT_WORK = """
import asyncio, sys
from pathlib import Path
from hanfleet.app.legacy_import import open_workbench
from hanfleet.app.settings import Settings
from hanfleet.control.legacy import was_imported

async def work():
    async with open_workbench(Settings(home=Path(sys.argv[1])), may_make_home=True) as bench:
        print("at work", flush=True)
        sys.stdin.readline()
        await was_imported(bench.store, "mira")

asyncio.run(work())
"""
ENVIRONMENT = {"HANFLEET_LANG": "en"}


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    home = Home.temporary()
    yield home
    home.destroy()


async def _hanfleet(*arguments: str | Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hanfleet", *arguments, stdout=PIPE, stderr=PIPE, env={**os.environ, **ENVIRONMENT}
    )
    _, err = await process.communicate()
    return process.returncode, err.decode()


async def test_the_second_is_refused_and_the_first_goes_on(home: Home) -> None:
    first = await asyncio.create_subprocess_exec(sys.executable, "-c", AT_WORK, home.path, stdin=PIPE, stdout=PIPE)
    assert first.stdout
    try:
        assert await first.stdout.readline() == b"at work\n"
        at_home = ("--home", home.path)
        for command in (("backup", "create"), ("import-legacy", SAMPLE, "--bot", "mira"), ("up",)):
            status, said = await _hanfleet(*command, *at_home)
            assert status == 2, said
            assert said.splitlines()[-1] == (
                f"Error: Another hanfleet command (pid {first.pid}) works on {home.path}: wait until it has ended, then"
                " try again."
            )
        await first.communicate(b"\n")
        assert first.returncode == 0
        assert (await _hanfleet("import-legacy", SAMPLE, "--bot", "mira", *at_home))[0] == 0
    finally:
        if first.returncode is None:
            first.kill()
            await first.wait()
