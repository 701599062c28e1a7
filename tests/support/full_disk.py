"""A disk that is nearly full: the kernel takes the first bytes of a write, as it does there, and refuses the next."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def room_for(more: int, path: Path) -> Iterator[None]:
    """No file of this process grows beyond ``more`` bytes behind the end that ``path`` has now."""
    size = path.stat().st_size if path.exists() else 0
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
