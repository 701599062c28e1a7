from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import openai
import pytest

from hanfleet.core.errors import ModelRefusedError, ModelUnavailableError
from hanfleet.llm.vendor_errors import UnusableAnswerError, as_model_error, forgot_the_conversation

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def status_error(kind: Any, status: int, *, headers: dict[str, str] | None = None, body: Any = None) -> Any:
    response = SimpleNamespace(status_code=status, headers=headers or {}, request=None)
    return kind("message", response=response, body=body)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (openai.RateLimitError, 429),
        (openai.InternalServerError, 500),
        (openai.InternalServerError, 503),
        (openai.ConflictError, 409),
    ],
)
def test_a_busy_server_is_worth_another_try(kind, status):
    assert isinstance(as_model_error(status_error(kind, status), NOW), ModelUnavailableError)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:07 GMT"}, 7.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
    ],
)
def test_the_server_may_name_the_pause(headers, seconds):
    error = as_model_error(status_error(openai.RateLimitError, 429, headers=headers), NOW)
    assert isinstance(error, ModelUnavailableError)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        (openai.AuthenticationError, 401, "openai_api_key"),
        (openai.PermissionDeniedError, 403, "openai_api_key"),
        (openai.NotFoundError, 404, "llm.model"),
        (openai.BadRequestError, 400, "llm.model"),
    ],
)
def test_what_a_person_has_to_mend_names_the_setting(kind, status, words):
    error = as_model_error(status_error(kind, status), NOW)
    assert isinstance(error, ModelRefusedError)
    assert words in str(error)


def test_everything_else_is_an_unusable_answer():
    assert isinstance(as_model_error(ValueError("no JSON"), NOW), UnusableAnswerError)
    assert isinstance(as_model_error(TimeoutError(), NOW), ModelUnavailableError)
    request: Any = None
    assert "llm.base_url" in str(as_model_error(openai.APIConnectionError(request=request), NOW))


def test_a_forgotten_conversation_is_told_from_another_bad_request():
    forgotten = {"code": "previous_response_not_found", "param": "previous_response_id", "message": "gone"}
    assert forgot_the_conversation(status_error(openai.BadRequestError, 400, body=forgotten))
    assert not forgot_the_conversation(status_error(openai.BadRequestError, 400, body={"code": "bad", "message": "x"}))
    assert not forgot_the_conversation(status_error(openai.RateLimitError, 429, body=forgotten))
