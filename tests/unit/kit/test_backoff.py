"""Backoff: growth, its bounds, and what chance may change."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanfleet.kit.backoff import Backoff


def test_it_doubles_up_to_the_longest() -> None:
    backoff = Backoff(first_s=1, factor=2, longest_s=10, jitter=0)
    chance = random.Random(1)
    assert [backoff.delay(failures, chance) for failures in range(7)] == [0, 1, 2, 4, 8, 10, 10]


def test_the_same_chance_gives_the_same_waits() -> None:
    backoff = Backoff()
    first = [backoff.delay(3, random.Random(7)) for _ in range(3)]
    assert len(set(first)) == 1
    assert backoff.delay(3, random.Random(7)) != backoff.delay(3, random.Random(8))


@given(failures=st.integers(1, 10_000), jitter=st.floats(0, 1), seed=st.integers())
def test_no_wait_leaves_its_bounds(failures: int, jitter: float, seed: int) -> None:
    backoff = Backoff(first_s=0.1, factor=3, longest_s=60, jitter=jitter)
    ceiling = backoff.ceiling(failures)
    assert ceiling <= 60
    assert ceiling * (1 - jitter) <= backoff.delay(failures, random.Random(seed)) <= ceiling


@pytest.mark.parametrize(
    "odd", [{"first_s": -1}, {"first_s": 5, "longest_s": 1}, {"factor": 0.5}, {"jitter": 1.1}, {"jitter": -0.1}]
)
def test_nonsense_is_refused(odd: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is no backoff"):
        Backoff(**odd)
