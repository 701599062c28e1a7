"""The one place where errors become HTTP: statuses, problem documents (RFC 9457), Retry-After.

Refuses to repeat what a client sent, for it may be a secret, and to show what went wrong inside.
"""

from collections.abc import Sequence
from http import HTTPMethod, HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from hanfleet.control.wording import field_name, told
from hanfleet.core.config import BotConfig
from hanfleet.core.errors import (
    BusUnavailableError,
    CommandTimeoutError,
    ConflictError,
    HanfleetError,
    InvalidInputError,
    NotFoundError,
    StoreUnavailableError,
    TemporaryError,
)
from hanfleet.kit.logging import get_logger

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_S = 5
_log = get_logger("api")

#: The first class that fits decides.
_STATUSES: tuple[tuple[type[HanfleetError], HTTPStatus, str], ...] = (
    (NotFoundError, HTTPStatus.NOT_FOUND, "not-found"),
    (ConflictError, HTTPStatus.CONFLICT, "conflict"),
    (InvalidInputError, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input"),
    (CommandTimeoutError, HTTPStatus.GATEWAY_TIMEOUT, "worker-silent"),
    (StoreUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE, "database-unavailable"),
    (BusUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE, "bus-unavailable"),
    (TemporaryError, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
)
# What fits none: a person has to mend something, and the sentence, which never holds a secret, says what.
_BROKEN = (HTTPStatus.INTERNAL_SERVER_ERROR, "broken")

_NEXT_STEPS = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read: send JSON in UTF-8.",
    HTTPStatus.UNAUTHORIZED: "Send the header Authorization: Bearer <token>; the token is in the home's secrets.json.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address: /openapi.json lists what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method: the header Allow names what it takes.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large: send less than a megabyte.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "This is our fault, and the API's log says more under the request's id: "
    "try again, then tell whoever runs the fleet.",
}


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Dotted path; empty: the whole.")
    message: str


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(examples=["urn:hanfleet:problem:conflict"])
    title: str
    status: int
    detail: str = Field(description="A sentence for a person that says what to do next.")
    instance: str = Field(description="The request's id, as in the header X-Request-ID.")
    errors: list[FieldError] | None = None


def problem(
    request_id: str,
    status: int,
    kind: str,
    detail: str,
    *,
    errors: Sequence[FieldError] = (),
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """One problem document."""
    document = Problem(
        type=f"urn:hanfleet:problem:{kind}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=f"urn:uuid:{request_id}",
        errors=list(errors) or None,
    )
    return JSONResponse(document.model_dump(exclude_none=True), status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` with a problem document."""
    app.add_exception_handler(HanfleetError, _ours)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def request_id_of(request: Request) -> str:
    return str(request.scope.get("hanfleet.request_id", ""))


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HanfleetError)
    status, kind = next((found[1:] for found in _STATUSES if isinstance(error, found[0])), _BROKEN)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("a request failed", error=str(error), kind=type(error).__name__)
    errors = [FieldError(field=one.field, message=one.message) for one in getattr(error, "problems", ())]
    headers = {}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(int(getattr(error, "retry_after", None) or _RETRY_AFTER_S))
    return problem(request_id_of(request), status, kind, str(error), errors=errors, headers=headers)


async def _unreadable(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [_refused(request, one) for one in error.errors()]
    detail = " ".join(f"{one.field or 'The request'}: {one.message}" for one in errors)
    return problem(request_id_of(request), HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input", detail, errors=errors)


def _refused(request: Request, error: dict[str, Any]) -> FieldError:
    """The field without the place (body, query, path) and, for a broken document, without the offset."""
    place, *path = error["loc"]
    if error["type"] == "json_invalid":
        path = []
    # Every body but the steps of a log-in is a configuration.
    is_config = place == "body" and "/login" not in request.url.path
    return FieldError(field=field_name(path), message=told(error, path, BotConfig if is_config else None))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail = _NEXT_STEPS.get(status, str(error.detail))
    kind = status.phrase.lower().replace(" ", "-")
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    return problem(request_id_of(request), status, kind, detail, headers=headers)


def _allowed(request: Request) -> list[str]:
    """The methods that the address takes; the route that refused names its own alone."""
    routes = request.app.routes
    asked = {method: {**request.scope, "method": method} for method in sorted(HTTPMethod)}
    return [method for method, scope in asked.items() if any(one.matches(scope)[0] is Match.FULL for one in routes)]


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("a request failed unexpectedly", exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return problem(request_id_of(request), status, "internal", _NEXT_STEPS[status])


_DESCRIPTIONS = {
    HTTPStatus.BAD_REQUEST: "The body is no text in UTF-8.",
    HTTPStatus.UNAUTHORIZED: "The token is missing or wrong.",
    HTTPStatus.NOT_FOUND: "There is no such bot.",
    HTTPStatus.CONFLICT: "The present state does not allow it.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is a megabyte or more.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A field is refused; nothing was changed.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "It failed for a reason that somebody has to mend.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database or the bus does not answer; try again.",
    HTTPStatus.GATEWAY_TIMEOUT: "The worker did not answer; look at its status.",
}


def responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document tells of these answers."""
    return {status.value: {"model": Problem, "description": _DESCRIPTIONS[status]} for status in statuses}


#: What any request may be answered with, and any below /api.
ANYWHERE = responses(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.INTERNAL_SERVER_ERROR)
RESPONSES = ANYWHERE | responses(
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def name_media_type(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with problems as what they are sent as: FastAPI takes all answers for the one type."""
    problem_schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    for path in document["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values():
                if {"schema": problem_schema} in answer.get("content", {}).values():
                    answer["content"] = {MEDIA_TYPE: {"schema": problem_schema}}
    return document
