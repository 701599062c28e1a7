"""Texts that PostgreSQL cannot keep are mended; all others stay as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanfleet.store.connection import storable


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [("", ""), ("a\x00b", "a\ufffdb"), ("\ud800", "\ufffd"), ("a\udc00b", "a\ufffdb"), ("😀é\ufeff", "😀é\ufeff")],
)
def test_only_the_impossible_is_replaced(given_text: str, kept: str) -> None:
    assert storable(given_text) == kept


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_proper_text_is_not_touched(proper: str) -> None:
    assert storable(proper) == proper


@given(st.text(st.characters(categories=None)))
def test_whatever_comes_can_be_encoded(anything: str) -> None:
    assert "\x00" not in storable(anything).encode("utf-8").decode()
