import random

import hypothesis.strategies as st
from hypothesis import given

from hanfleet.kit.backoff import Backoff
from hanfleet.supervisor.restart_policy import Breaker, RestartPolicy, RestartSettings

SETTINGS = RestartSettings(
    backoff=Backoff(first_s=1, longest_s=8, jitter=0), intensity=4, window_s=100, open_s=50, max_open_s=150, stable_s=60
)


def policy(**changes) -> RestartPolicy:
    return RestartPolicy(RestartSettings(**{**vars(SETTINGS), **changes}), random.Random(1))


def test_first_restart_is_immediate_then_ever_later():
    restarts = policy(intensity=10)
    assert restarts.start_at("a") == 0
    delays = [restarts.failed("a", now) - now for now in range(1, 8)]
    assert delays == [0, 1, 2, 4, 8, 8, 8]


def test_too_many_in_too_short_a_time_open_the_breaker_and_one_try_is_given():
    restarts = policy()
    for now in (1.0, 2.0, 3.0):
        restarts.failed("a", now)
    assert restarts.breaker("a") is Breaker.CLOSED
    assert restarts.failed("a", 4.0) == 54.0
    assert restarts.breaker("a") is Breaker.OPEN
    restarts.started("a", 54.0)
    assert restarts.breaker("a") is Breaker.HALF_OPEN
    # The try fails: it opens for twice as long, and then no longer than allowed.
    assert restarts.failed("a", 55.0) == 155.0
    restarts.started("a", 155.0)
    assert restarts.failed("a", 200.0) == 350.0


def test_failures_far_apart_never_open_it():
    restarts = policy()
    for now in range(0, 2000, 40):
        assert restarts.failed("a", float(now)) - now <= 8
    assert restarts.breaker("a") is Breaker.CLOSED


def test_worker_that_ran_long_enough_has_a_clean_slate():
    restarts = policy()
    for now in (1.0, 2.0, 3.0, 4.0):
        restarts.failed("a", now)
    restarts.started("a", 54.0)
    restarts.running("a", 55.0)
    assert restarts.failed("a", 115.0) == 115.0
    assert restarts.breaker("a") is Breaker.CLOSED


def test_one_bot_never_touches_another_and_a_person_wipes_the_slate():
    restarts = policy()
    for now in (1.0, 2.0, 3.0, 4.0):
        restarts.failed("a", now)
    assert restarts.failed("b", 5.0) == 5.0
    restarts.forget("a")
    assert restarts.start_at("a") == 0
    assert restarts.failures("a") == 0
    assert restarts.breaker("a") is Breaker.CLOSED


@given(st.lists(st.floats(0.1, 30), min_size=1, max_size=60), st.integers(0, 1000))
def test_never_more_starts_in_a_window_than_the_intensity_allows(lifetimes, seed):
    """Whatever the lifetimes: a bot that keeps dying is started at most intensity + 1 times in any window."""
    restarts = RestartPolicy(RestartSettings(), random.Random(seed))
    now, starts = 0.0, []
    for lifetime in lifetimes:
        restarts.started("a", now)
        starts.append(now)
        now += lifetime
        again = restarts.failed("a", now)
        assert again >= now
        now = again
    for first in starts:
        inside = [moment for moment in starts if first <= moment < first + RestartSettings().window_s]
        assert len(inside) <= RestartSettings().intensity + 1
