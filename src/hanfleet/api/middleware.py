"""What every request passes: an id that joins its log lines and its answer, and a limit on its body.

Plain ASGI, so that a body is counted while it comes in and not after it was kept.
"""

import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders

from hanfleet.api.errors import problem
from hanfleet.kit.identity import new_id
from hanfleet.kit.requests import serving

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BODY_BYTES = 1024 * 1024
_HEADER = "X-Request-ID"
_TOO_LARGE = "The body is too large: send less than a megabyte."


class RequestId:
    """Takes over the client's X-Request-ID when it is a UUID, else makes one; gives it back in the answer."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_uuid = _uuid_or_none(Headers(scope=scope).get(_HEADER)) or new_id()
        request_id = str(request_uuid)
        scope["hanfleet.request_id"] = request_id

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[_HEADER] = request_id
                # Answers tell of bots and their people: they belong in no cache, and are never pages.
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        with structlog.contextvars.bound_contextvars(correlation_id=request_id), serving(request_uuid):
            await self._app(scope, receive, send_with_id)


class BodyLimit:
    """Refuses bodies above ``most`` bytes, whether they say so or not."""

    def __init__(self, app: App, most: int = MOST_BODY_BYTES) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        body = b"" if announced.isdigit() and int(announced) <= self._most else None
        more = body is not None
        while more and body is not None:
            message = await receive()
            if message["type"] != "http.request":
                return  # The client has gone.
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._most:
                body = None
        if body is None:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            answer = problem(str(scope.get("hanfleet.request_id", "")), status, "too-large", _TOO_LARGE)
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _uuid_or_none(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None
