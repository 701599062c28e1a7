"""Two databases, and a folder for backups."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hanfleet.control.backups import Library
from tests.support.database import Database, open_database


@pytest.fixture
async def elsewhere(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    """A second database: the empty server."""
    folder = tmp_path_factory.getbasetemp()
    if folder.name.startswith("popen-"):
        folder = folder.parent
    async for opened in open_database(postgres_url, folder):
        yield opened


@pytest.fixture
def library(tmp_path: Path) -> Library:
    folder = tmp_path / "backups"
    folder.mkdir(mode=0o700)
    return Library(folder)
