"""OpenAI's wire shapes, as far as the vendor's own client reads them: answers, usage counts, the model list, errors.

It builds plain JSON bodies and knows nothing of how an answer is found.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi.responses import JSONResponse

MODELS = ("sandbox-small", "sandbox-large")
"""The models that are listed; a request may name any other, and gets the same answers."""

_CHARACTERS_PER_TOKEN = 4


def count_tokens(text: str) -> int:
    """A stand-in for a tokenizer: one token per four characters begun."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


@dataclass(frozen=True)
class Usage:
    """Tokens of one request; ``cached`` is the part of the input that came from earlier responses."""

    input_tokens: int
    output_tokens: int
    cached: int = 0

    @property
    def total(self) -> int:
        return self.input_tokens + self.output_tokens


def response_body(response_id: str, text: str, usage: Usage, request: dict[str, Any], at: datetime) -> dict[str, Any]:
    """The `response` object of the Responses API."""
    message = {
        "id": response_id.replace("resp_", "msg_", 1),
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}],
    }
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(at.timestamp()),
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": request.get("instructions"),
        "max_output_tokens": request.get("max_output_tokens"),
        "metadata": request.get("metadata") or {},
        "model": request["model"],
        "output": [message],
        "parallel_tool_calls": True,
        "previous_response_id": request.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": request.get("store") is not False,
        "temperature": request.get("temperature", 1.0),
        "text": request.get("text") or {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": request.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.total,
        },
        "user": request.get("user"),
    }


def completion_body(
    completion_id: str, text: str, usage: Usage, request: dict[str, Any], at: datetime
) -> dict[str, Any]:
    """The `chat.completion` object of Chat Completions."""
    return {
        "id": completion_id,
        "object": "chat.completion",
        "created": int(at.timestamp()),
        "model": request["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "logprobs": None,
                "message": {"role": "assistant", "content": text, "refusal": None, "annotations": []},
            }
        ],
        "service_tier": "default",
        "system_fingerprint": "fp_sandbox",
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
    }


def model_body(name: str) -> dict[str, Any]:
    """One line of the model list."""
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "hanfleet-sandbox"}


def error_response(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """OpenAI's error shape."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return JSONResponse({"error": error}, status, headers)
