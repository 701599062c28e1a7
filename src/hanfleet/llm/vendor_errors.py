"""The vendor's errors in our words: what another try can heal, what a person has to mend, how long to wait."""

from datetime import datetime
from email.utils import parsedate_to_datetime

import openai

from hanfleet.core.errors import ModelError, ModelRefusedError, ModelUnavailableError

_WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429})


class UnusableAnswerError(ModelUnavailableError):
    """The server answered with something that is no answer."""


def as_model_error(error: Exception, now: datetime) -> ModelError:
    """Our error for one of the vendor's; the caller raises it from the original."""
    if isinstance(error, ModelError):
        return error
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, now)
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return ModelUnavailableError("The model did not answer in time; llm.timeout_s is the limit.")
    if isinstance(error, openai.APIConnectionError):
        return ModelUnavailableError("The model's server cannot be reached; check llm.base_url and the network.")
    return UnusableAnswerError(f"The model's server sent something that is no answer ({type(error).__name__}).")


def forgot_the_conversation(error: Exception) -> bool:
    """True when the server refuses ``previous_response_id``, whatever its reason."""
    if not isinstance(error, openai.BadRequestError | openai.NotFoundError | openai.UnprocessableEntityError):
        return False
    words = f"{error.code} {error.param} {error.message}".lower()
    return "previous_response" in words or "previous response" in words


def _of_status(error: openai.APIStatusError, now: datetime) -> ModelError:
    status = error.status_code
    if status in _WORTH_ANOTHER_TRY or status >= 500:
        wait = _retry_after(error.response.headers, now)
        return ModelUnavailableError(f"The model's server is busy or failing (HTTP {status}).", retry_after=wait)
    if status in (401, 403):
        return ModelRefusedError(f"The model's server refuses the key (HTTP {status}): set openai_api_key anew.")
    return ModelRefusedError(
        f"The model's server refuses the request (HTTP {status}, {error.code or 'no code'}): check llm.model, llm.api "
        "and llm.base_url."
    )


def _retry_after(headers: object, now: datetime) -> float | None:
    """Seconds by the headers ``retry-after-ms`` or ``retry-after`` (RFC 9110, 10.2.3: seconds or a date)."""
    get = getattr(headers, "get", dict[str, str]().get)
    try:
        if milliseconds := get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        value = get("retry-after")
        if not value:
            return None
        if value.replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (TypeError, ValueError):
        return None
