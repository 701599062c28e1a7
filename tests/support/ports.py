"""Ports for test servers: those of the stage, and no other test process on this machine is given the same.

A port that is free now may be taken by a neighbour before its server listens. So each one given is locked, as one byte
of a file, until this process ends; the kernel frees what a killed process held.
"""

import fcntl
import os
import random
import tempfile
from functools import cache
from pathlib import Path

from hanfleet.cli.stage.ports import free_port as _free_port

_given: set[int] = set()


def free_port() -> int:
    """A TCP port between 20000 and 31999 on which nothing listens right now, and which no other test was given."""
    while True:
        port = _free_port(random.SystemRandom())
        if port in _given:
            continue
        try:
            fcntl.lockf(_book(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            continue
        _given.add(port)
        return port


@cache
def _book() -> int:
    path = Path(tempfile.gettempdir()) / f"hanfleet-test-ports-{os.geteuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
