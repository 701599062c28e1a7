"""A home of its own for each test here: these tests kill servers, so they cannot share the run's."""

from collections.abc import Iterator

import pytest

from hanfleet.app.home import Home


@pytest.fixture
def home() -> Iterator[Home]:
    fresh = Home.temporary()
    try:
        yield fresh
    finally:
        fresh.destroy()
