"""A database URL in a sentence: where the server is, and never the password."""

import pytest

from hanfleet.core.errors import InvalidInputError
from hanfleet.store.faults import address_of


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:geheim@db.example:5433/fleet?password=geheim", "postgresql://db.example:5433/fleet"),
        ("postgres://ann:ge/heim@db.example/fleet", "postgresql://db.example/fleet"),
        ("postgresql://ann:geheim@/fleet?host=/run/pg", "postgresql:///fleet?host=%2Frun%2Fpg"),
    ],
)
def test_it_tells_where_and_not_how(url: str, shown: str) -> None:
    assert address_of(url) == shown


@pytest.mark.parametrize("url", ["postgresql://ann:geheim@db.example:geheim/fleet", "geheim"])
def test_what_cannot_be_read_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot be read") as refused:
        address_of(url)
    assert "geheim" not in str(refused.value)
