"""How a command finds and speaks to the fleet's API: address, token, and errors turned into exit statuses.

``@speaks`` adds ``--api``, ``--token`` and ``--home`` to a command and gives it an `Api`. Refuses proxies: what is
spoken to is usually this very machine.
"""

import functools
import inspect
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanfleet.cli.at_home import named_home
from hanfleet.cli.exits import UnreachableError
from hanfleet.cli.messages import say
from hanfleet.core.errors import ConflictError, InvalidInputError, NotFoundError, PermanentError, TemporaryError

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 60.0  # a log-in step waits for Telegram
_DEFAULT_PORT = "8642"
_BY_STATUS = {404: NotFoundError, 409: ConflictError, 422: InvalidInputError, 503: TemporaryError, 504: TemporaryError}

ApiOption = Annotated[
    str | None,
    typer.Option(
        "--api", envvar="HANFLEET_API", metavar="URL", help="The fleet's API. Default: the one on this machine."
    ),
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token", envvar="HANFLEET_API_TOKEN", metavar="TOKEN", help="Its token. Default: the one in the fleet's home."
    ),
]
HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        envvar="HANFLEET_HOME",
        parser=named_home,
        metavar="DIR",
        help="The fleet's home, for its token.",
    ),
]


class Api:
    """A client of the REST API. ``client`` sends the token."""

    def __init__(self, client: "httpx.Client") -> None:
        self._client = client

    def ask(self, method: str, path: str, **arguments: Any) -> Any:
        """One call; gives the JSON.

        Raises UnreachableError, and what the status means: NotFoundError, ConflictError, InvalidInputError,
        TemporaryError, PermanentError, each with the API's sentence.
        """
        if "json" in arguments:
            arguments |= {"content": _as_json(arguments.pop("json")), "headers": {"Content-Type": "application/json"}}
        with self._reaching():
            answer = self._client.request(method, path, **arguments)
        return self._told(answer)

    def pieces(self, path: str) -> Iterator[str]:
        """A long answer as it comes. Raises as `ask` does, also half-way: what came before is not the whole then."""
        with self._reaching(), self._client.stream("GET", path) as answer:
            if answer.is_success:
                yield from answer.iter_text()
            else:
                answer.read()
                self._told(answer)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as silent:
            raise UnreachableError(say("cli.api_silent", url=self._client.base_url, reason=silent)) from silent

    def _told(self, answer: "httpx.Response") -> Any:
        """The JSON of an answer, or the error that it is."""
        import httpx

        url = self._client.base_url
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise UnreachableError(say("cli.token_refused"))
        try:
            document = answer.json() if answer.content else None
        except ValueError:
            raise UnreachableError(say("cli.api_odd", url=url, status=answer.status_code)) from None
        if answer.is_success:
            return document
        if not isinstance(document, dict) or "detail" not in document:
            raise UnreachableError(say("cli.api_odd", url=url, status=answer.status_code))
        raise _BY_STATUS.get(answer.status_code, PermanentError)(str(document["detail"]))


def _as_json(document: Any) -> bytes:
    """In ASCII, so that whatever a text holds reaches the API, which names the field that it refuses.

    Raises InvalidInputError.
    """
    try:
        return json.dumps(document, allow_nan=False, default=_time_as_text).encode()
    except (TypeError, ValueError) as odd:
        raise InvalidInputError(say("cli.not_json", reason=odd)) from odd


def _time_as_text(value: Any) -> str:
    """TOML has times and dates of its own."""
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(type(value).__name__)


@contextmanager
def connect(api: str | None, token: str | None, home: Path | None) -> Iterator[Api]:
    """An Api for what the options and the environment say.

    Raises InvalidInputError for what is no address or no home, UnreachableError without a token.
    """
    import httpx

    if home is not None and not (api and token):
        from hanfleet.app.home import Home

        Home.existing(home)
    address = api or url_of_home(home) or default_url()
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidInputError(say("cli.no_address", address=address))
    known = token or token_of_home(home)
    if not known.isascii() or not known.isprintable():
        raise UnreachableError(say("cli.token_refused"))
    headers = {"Authorization": f"Bearer {known}"}
    # Whom to trust is read only where somebody has to prove who he is: a short command would wait for it.
    verify = url.scheme == "https"
    with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S, trust_env=False, verify=verify) as client:
        yield Api(client)


def default_url() -> str:
    """Where `hanfleet up` listens on this machine under the same environment."""
    host = os.environ.get("HANFLEET_API_HOST") or "127.0.0.1"
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - not bound
    return f"http://{reachable}:{os.environ.get('HANFLEET_API_PORT') or _DEFAULT_PORT}"


def url_of_home(home: Path | None) -> str | None:
    """Where the fleet that runs on the home says that its API is; None when none runs there."""
    try:
        return (_home_path(home) / "api.url").read_text().strip()
    except OSError:
        return None


def token_of_home(home: Path | None) -> str:
    """The token in the home's secrets.json. Raises UnreachableError when there is none, or none for us to read."""
    try:
        return str(json.loads((_home_path(home) / "secrets.json").read_text())["api_token"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UnreachableError(say("cli.no_token")) from None


def _home_path(home: Path | None) -> Path:
    from hanfleet.app.home import default_path

    return home.expanduser() if home else default_path(os.environ)


def speaks(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` an Api as its first argument, and the options that find it."""

    @functools.wraps(command)
    def with_api(*, api: str | None, token: str | None, home: Path | None, **rest: Any) -> None:
        with connect(api, token, home) as connected:
            command(connected, **rest)

    signature = inspect.signature(command)
    own = list(signature.parameters.values())[1:]
    found_by = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in (("api", ApiOption), ("token", TokenOption), ("home", HomeOption))
    ]
    as_options = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    with_api.__signature__ = signature.replace(parameters=[*as_options, *found_by])  # type: ignore[attr-defined] # read by typer
    return with_api
