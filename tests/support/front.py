"""One application for all tests: its forty routes take a while to make, and keep nothing of who asked before."""

from typing import Any, cast

from fastapi import FastAPI
from pydantic import SecretStr

from hanfleet.api import create_app
from hanfleet.control import MultiBotManager

AUTHORIZED = {"Authorization": "Bearer the-token"}


class _Present:
    """The manager of the test that runs."""

    manager: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.manager, name)


_present = _Present()
_app = create_app(cast("MultiBotManager", _present), api_token=SecretStr("the-token"))


def front_of(manager: object) -> FastAPI:
    """The application, which asks ``manager`` until the next call."""
    _present.manager = manager
    return _app
