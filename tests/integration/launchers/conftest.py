from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.zygotes import ZygoteProcess


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[ZygoteProcess]:
    zygote = ZygoteProcess(tmp_path)
    zygote.start()
    yield zygote
    zygote.clean_up()
