"""A home belongs to the Telegram that it was first used with."""

from pathlib import Path

import pytest

from hanfleet.app.telegram_tie import is_tied, tie
from hanfleet.core.errors import ConflictError
from hanfleet.core.startup import TelegramServer


def server(key: str, port: int = 1) -> TelegramServer:
    return TelegramServer(address="127.0.0.1", port=port, dc_id=2, public_key_pem=key)


@pytest.mark.parametrize("first", [None, server("one")])
def test_the_same_telegram_is_let_in_again(tmp_path: Path, first: TelegramServer | None) -> None:
    tie(tmp_path, first)
    tie(tmp_path, first)
    assert (tmp_path / "telegram").stat().st_mode & 0o777 == 0o600


def test_to_ask_ties_nothing(tmp_path: Path) -> None:
    assert not is_tied(tmp_path, None)
    tie(tmp_path, server("one"))
    assert is_tied(tmp_path, server("one"))


def test_a_server_that_moved_is_the_same(tmp_path: Path) -> None:
    tie(tmp_path, server("one", port=1))
    tie(tmp_path, server("one\n", port=2))


@pytest.mark.parametrize(
    ("first", "then"), [(None, server("one")), (server("one"), None), (server("one"), server("two"))]
)
def test_another_telegram_is_refused(tmp_path: Path, first: TelegramServer | None, then: TelegramServer | None) -> None:
    tie(tmp_path, first)
    with pytest.raises(ConflictError, match="another --home") as refused:
        tie(tmp_path, then)
    assert "the real Telegram" in str(refused.value) or (first and then)
    tie(tmp_path, first)
    (tmp_path / "telegram").unlink()
    tie(tmp_path, then)
