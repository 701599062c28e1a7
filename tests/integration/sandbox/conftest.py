"""What tests of the sandbox leave behind after their event loop has ended."""

import gc
import warnings
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """kurigram leaves sockets to the collector, which would come upon some of them in the midst of another test."""
    try:
        return (yield)
    finally:
        if item.path.name == "test_kurigram.py":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                gc.collect()
