"""Starting several parts at once, without the group that asyncio wraps around what goes wrong.

A person reads one sentence, and the command line knows an error by its type: both are lost in an exception group.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from hanfleet.core.errors import HanfleetError

_ForPeople = HanfleetError | OSError


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Run all of them; when one fails the others are cancelled.

    Raises the first of our own errors, or of the system's, alone. Without one, what was raised comes out in its group,
    as a bug should.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failed:
        first = _first(failed)
        if first is None:
            raise
        raise first from failed


def _first(group: BaseExceptionGroup[BaseException]) -> _ForPeople | None:
    for error in group.exceptions:
        found = _first(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, _ForPeople):
            return found
    return None
