"""The id of the request that is being served: set where it comes in, known to all that is done for it in that task.

Refuses to be more than an id: who asks is passed on as an argument, for everybody to see.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

_current: ContextVar[UUID | None] = ContextVar("hanfleet_request_id", default=None)


def request_id() -> UUID | None:
    """The id of the request in whose course this is called; None outside of one."""
    return _current.get()


@contextmanager
def serving(request: UUID) -> Iterator[None]:
    """Everything inside, and every task begun inside, is done for ``request``."""
    before = _current.set(request)
    try:
        yield
    finally:
        _current.reset(before)
