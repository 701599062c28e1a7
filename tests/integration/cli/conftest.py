import asyncio
import io
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from sqlalchemy.engine import make_url

from hanfleet.cli.front import run
from hanfleet.control import MultiBotManager
from tests.support.front import front_of
from tests.support.installations import remove_installation
from tests.support.operators import bot_id, bot_logs, hand, ipc, ledger, manager
from tests.support.ports import free_port
from tests.support.waiting import eventually

__all__ = ["bot_id", "bot_logs", "hand", "ipc", "ledger", "manager"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@dataclass
class Outcome:
    status: int
    out: str
    err: str


Command = Callable[..., Coroutine[Any, Any, Outcome]]


@pytest_asyncio.fixture
async def api_url(manager: MultiBotManager) -> AsyncIterator[str]:
    port = free_port()
    config = uvicorn.Config(front_of(manager), port=port, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


@pytest.fixture
def new_url(postgres_url: str) -> Iterator[Callable[[], str]]:
    """Gives URLs of databases that do not exist yet; they and their roles are gone after the test."""
    names: list[str] = []

    def url() -> str:
        names.append(f"hf_cli_{secrets.token_hex(4)}")
        return make_url(postgres_url).set(database=names[-1]).render_as_string(hide_password=False)

    yield url
    for name in names:
        asyncio.run(remove_installation(postgres_url, name))


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    """One of them."""
    return new_url()


@pytest.fixture
def bots(api_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `hanfleet bots …` against a real API, as a person would, in English and without a terminal."""
    return _group("bots", api_url, monkeypatch, capsys)


@pytest.fixture
def contacts(api_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The same for `hanfleet contacts …`."""
    return _group("contacts", api_url, monkeypatch, capsys)


def _group(group: str, api_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("HANFLEET_API", api_url)
    monkeypatch.setenv("HANFLEET_API_TOKEN", "the-token")
    monkeypatch.setenv("HANFLEET_LANG", "en")

    async def command(*arguments: str, typed: str = "", terminal: bool = False) -> Outcome:
        monkeypatch.setattr("sys.stdin", Terminal(typed) if terminal else io.StringIO(typed))
        status = await asyncio.to_thread(run, [group, *arguments])
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return command
