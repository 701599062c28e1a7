"""Parts that start at once: what goes wrong comes out as the one error that a person can read."""

import asyncio

import pytest

from hanfleet.app.together import together
from hanfleet.core.errors import ConflictError, PermanentError


async def _fails(error: Exception) -> None:
    raise error


async def test_all_of_them_run_at_once() -> None:
    both = asyncio.Barrier(2)

    async def meets() -> None:
        await both.wait()

    await asyncio.wait_for(together(meets(), meets()), 5)


async def test_an_error_of_ours_comes_out_alone_and_the_others_are_cancelled() -> None:
    cancelled = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(ConflictError, match=r"^taken$"):
        await together(waits(), _fails(ConflictError("taken")))
    assert cancelled.is_set()


async def test_so_does_one_of_the_systems() -> None:
    with pytest.raises(PermissionError):
        await together(_fails(PermissionError("not yours")))


async def test_it_is_found_beside_a_bug_and_in_a_group_within() -> None:
    inner = ExceptionGroup("inner", [ValueError("bug"), PermanentError("ours")])
    with pytest.raises(PermanentError, match=r"^ours$"):
        await together(_fails(inner), _fails(KeyError("bug")))


async def test_a_bug_stays_as_it_is() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await together(_fails(ValueError("bug")))
    assert isinstance(raised.value.exceptions[0], ValueError)
