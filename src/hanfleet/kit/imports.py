"""Keeping a library from importing another one that it can do without."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def hidden(module: str) -> Iterator[None]:
    """Inside, ``import module`` fails as if it were not installed; afterwards everything is as before."""
    modules: dict[str, Any] = sys.modules
    before = modules.get(module)
    modules[module] = None
    try:
        yield
    finally:
        if before is None:
            del modules[module]
        else:
            modules[module] = before
