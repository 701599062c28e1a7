"""How a child learns its secrets: from a file in memory that it inherits open, never from its environment or argv.

A file in memory rather than a pipe, so that a payload of any size is there before the child is, and nobody blocks.
"""

import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

from hanfleet.core.errors import PermanentError

VARIABLE = "HANFLEET_STARTUP_FD"


@contextmanager
def offered(payload: bytes) -> Iterator[int]:
    """A descriptor to hand down while a child is started; the child reads ``payload`` from it."""
    descriptor = os.memfd_create("hanfleet-startup", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(payload)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def read_startup(environ: MutableMapping[str, str] = os.environ) -> bytes:
    """In the child: the whole payload, once; the descriptor and its name in ``environ`` are gone afterwards."""
    number = environ.pop(VARIABLE, "")
    if not number.isdigit():
        raise PermanentError("This process is started by hanfleet up, not by hand: run hanfleet up.")
    with os.fdopen(int(number), "rb") as channel:
        return channel.read()
