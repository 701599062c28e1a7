"""A task that takes our cancelling for something else ends all the same."""

import asyncio
import contextlib

from hanfleet.kit.tasks import end_task


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        for _ in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            swallowed += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await end_task(task)
    assert (swallowed, task.cancelled()) == (2, True)


async def test_what_has_ended_or_never_was_is_left_alone() -> None:
    async def failing() -> None:
        raise ValueError

    task = asyncio.create_task(failing())
    await asyncio.wait({task})
    await end_task(task)
    assert isinstance(task.exception(), ValueError)
    await end_task(None)
