"""Fixtures of the red team: a database of its own for each test, or one scene for all tests of a module."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.security.scene import Scene, open_scene
from tests.support.database import database

__all__ = ["database"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """One scene for a module whose tests undo what they do; they run on the module's loop."""
    folder = tmp_path_factory.getbasetemp()
    if folder.name.startswith("popen-"):  # an xdist worker: the run's folder is one up
        folder = folder.parent
    async for opened in open_scene(postgres_url, folder):
        yield opened
