import random

from hypothesis import given
from hypothesis import strategies as st

from hanfleet.core.config import PacingConfig
from hanfleet.persona.pacing import reading_seconds, typing_seconds


@given(st.text(), st.floats(0, 60), st.integers())
def test_typing_is_bounded(text, longest, seed):
    pacing = PacingConfig(max_typing_s=longest)
    assert 0 <= typing_seconds(text, pacing, random.Random(seed)) <= longest
    assert 0 <= reading_seconds(text, pacing) <= longest / 4


def test_longer_texts_take_longer():
    pacing = PacingConfig()
    short, long = (typing_seconds("x" * n, pacing, random.Random(1)) for n in (20, 120))
    assert 0 < short < long
    assert reading_seconds("x" * 20, pacing) < short


def test_no_typing_time_means_none_at_all():
    pacing = PacingConfig(max_typing_s=0)
    assert typing_seconds("a long text" * 50, pacing, random.Random(1)) == 0
    assert reading_seconds("a long text" * 50, pacing) == 0
