"""What tests of the sandbox leave behind after their event loop has ended."""

import gc
import warnings
from collections.abc import Generator

import pytest


def _is_kurigrams(item: pytest.Item) -> bool:
    """kurigram leaves sockets to the collector, which would come upon some of them in the midst of another test."""
    return item.path.name == "test_kurigram.py"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if _is_kurigrams(item):
        # What was there before need not be looked at again after each test.
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    try:
        return (yield)
    finally:
        if _is_kurigrams(item):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                gc.collect()
            gc.unfreeze()
