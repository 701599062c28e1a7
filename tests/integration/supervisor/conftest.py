from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.database import Database
from tests.support.fleets import Rig
from tests.support.zygotes import ZygoteProcess


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[ZygoteProcess]:
    zygote = ZygoteProcess(tmp_path, "tests.integration.supervisor.beating_worker")
    zygote.start()
    yield zygote
    zygote.clean_up()


@pytest.fixture
def rig(database: Database, zygote: ZygoteProcess, tmp_path: Path) -> Rig:
    return Rig(database, zygote, tmp_path)
