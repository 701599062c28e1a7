from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.database import Database
from tests.support.fleets import Rig
from tests.support.zygotes import ZygoteProcess

MODULE = "tests.integration.supervisor.beating_worker"


@pytest.fixture(scope="module")
def shared_zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZygoteProcess]:
    """Preloading takes a second, so tests share one that they leave alive."""
    zygote = ZygoteProcess(tmp_path_factory.mktemp("zygote"), MODULE)
    zygote.start()
    yield zygote
    zygote.clean_up()


@pytest.fixture
def rig(database: Database, shared_zygote: ZygoteProcess, tmp_path: Path) -> Iterator[Rig]:
    yield Rig(database, shared_zygote, tmp_path)
    shared_zygote.kill_workers()


@pytest.fixture
def mortal_rig(database: Database, tmp_path: Path) -> Iterator[Rig]:
    """With a zygote of its own, to be killed."""
    zygote = ZygoteProcess(tmp_path, MODULE)
    zygote.start()
    yield Rig(database, zygote, tmp_path)
    zygote.clean_up()
