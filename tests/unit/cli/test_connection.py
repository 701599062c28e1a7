"""How commands find the API and read its answers. No sockets: the answers are made up."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from hanfleet.cli import exits
from hanfleet.cli.connection import Api, connect, default_url, token_of_home
from hanfleet.cli.exits import UnreachableError, status_of
from hanfleet.core.errors import (
    ConflictError,
    HanfleetError,
    InvalidInputError,
    NotFoundError,
    PermanentError,
    TemporaryError,
)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HANFLEET_API_HOST", "HANFLEET_API_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HANFLEET_LANG", "en")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def api_that(answer: Callable[[httpx.Request], httpx.Response]) -> Api:
    return Api(httpx.Client(base_url="http://fleet", transport=httpx.MockTransport(answer)))


def problem(status: int) -> httpx.Response:
    return httpx.Response(status, json={"detail": f"Sentence {status}."})


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (404, NotFoundError, exits.MISSING),
        (409, ConflictError, exits.REFUSED),
        (422, InvalidInputError, exits.REFUSED),
        (503, TemporaryError, exits.FAILED),
        (504, TemporaryError, exits.FAILED),
        (500, PermanentError, exits.FAILED),
        (413, PermanentError, exits.FAILED),
    ],
)
def test_a_problem_becomes_its_sentence_and_status(status: int, error: type[HanfleetError], code: int) -> None:
    with pytest.raises(error, match=f"Sentence {status}") as raised:
        api_that(lambda _request: problem(status)).ask("GET", "/api/bots")
    assert status_of(raised.value) == code


def refuse(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("Connection refused")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (refuse, "start it with: hanfleet up"),
        (lambda _request: httpx.Response(401, json={"detail": "no"}), "refused the token"),
        (lambda _request: httpx.Response(200, text="<html>"), "is not a fleet's API"),
        (lambda _request: httpx.Response(502, text="<html>"), "is not a fleet's API"),
        (lambda _request: httpx.Response(404, json=["x"]), "is not a fleet's API"),
    ],
)
def test_what_is_no_fleet_is_out_of_reach(answer: Callable[[httpx.Request], httpx.Response], sentence: str) -> None:
    with pytest.raises(UnreachableError, match=sentence) as raised:
        api_that(answer).ask("GET", "/api/bots")
    assert status_of(raised.value) == exits.UNREACHABLE


def test_an_empty_answer_is_none() -> None:
    assert api_that(lambda _request: httpx.Response(204)).ask("DELETE", "/x") is None


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://127.0.0.1:8642"),
        ({"HANFLEET_API_PORT": "9000"}, "http://127.0.0.1:9000"),
        ({"HANFLEET_API_HOST": "0.0.0.0"}, "http://127.0.0.1:8642"),
        ({"HANFLEET_API_HOST": "::1"}, "http://[::1]:8642"),
        ({"HANFLEET_API_HOST": "::"}, "http://[::1]:8642"),
        ({"HANFLEET_API_HOST": "fleet.example"}, "http://fleet.example:8642"),
    ],
)
def test_the_address_is_where_up_listens(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], url: str) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert default_url() == url


def test_the_token_is_in_the_home(tmp_path: Path) -> None:
    for home in (tmp_path / "home", tmp_path / "data" / "hanfleet"):
        home.mkdir(parents=True)
        (home / "secrets.json").write_text(json.dumps({"api_token": home.name}))
    assert token_of_home(tmp_path / "home") == "home"
    assert token_of_home(None) == "hanfleet"


@pytest.mark.parametrize("content", [None, "", "{}", "[]", "rubbish"])
def test_no_token_is_a_sentence_and_no_home_is_made(tmp_path: Path, content: str | None) -> None:
    home = tmp_path / "data" / "hanfleet"
    if content is not None:
        home.mkdir(parents=True)
        (home / "secrets.json").write_text(content)
    with pytest.raises(UnreachableError, match="There is no API token: start the fleet here with hanfleet up"):
        connect(None, None, None).__enter__()
    assert home.exists() == (content is not None)


@pytest.mark.parametrize("address", ["fleet", "ftp://fleet", "http://", "http://a:port"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(InvalidInputError, match="is no address"):
        connect(address, "token", None).__enter__()


@pytest.mark.parametrize("token", ["ключ", "a\nb"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(UnreachableError, match="refused the token"):
        connect("http://fleet", token, None).__enter__()
