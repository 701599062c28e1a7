"""The routes below /v1 that an unmodified OpenAI client speaks to.

Any bearer key is accepted and none is refused, in the vendor's error shape. Streaming, tools and everything else that a
bot does not use are refused with a sentence instead of half an answer.
"""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from hanfleet.sandbox.llm.conversation import Prompt, UnreadableInputError, make_prompt, read_messages
from hanfleet.sandbox.llm.engine import Asked, Engine
from hanfleet.sandbox.llm.remembered import Remembered
from hanfleet.sandbox.llm.wire import (
    MODELS,
    Usage,
    completion_body,
    count_tokens,
    error_response,
    model_body,
    response_body,
)

#: An answer is written from deeper inside the program than a request is read.
_LEVELS_TO_SPARE = 200


class _RefusedError(Exception):
    def __init__(self, response: Response) -> None:
        super().__init__("the request was refused")
        self.response = response


def openai_router(engine: Engine) -> APIRouter:
    """Routes of one stand-in."""
    router = APIRouter(prefix="/v1", tags=["model"])

    @router.get("/models")
    async def list_models(request: Request) -> Response:
        try:
            _read_key(request)
        except _RefusedError as refused:
            return refused.response
        return JSONResponse({"object": "list", "data": [model_body(name) for name in MODELS]})

    @router.post("/responses")
    async def create_response(request: Request) -> Response:
        began = engine.clock.monotonic()
        try:
            asked = await _read_response_request(engine, request)
        except _RefusedError as refused:
            return refused.response
        return await engine.serve(asked, began)

    @router.get("/responses/{response_id}")
    async def get_response(request: Request, response_id: str) -> Response:
        try:
            _read_key(request)
        except _RefusedError as refused:
            return refused.response
        found = engine.memory.find(response_id)
        if found is None:
            return error_response(404, f"Response with id '{response_id}' not found.")
        return JSONResponse(found.body)

    @router.post("/chat/completions")
    async def create_completion(request: Request) -> Response:
        began = engine.clock.monotonic()
        try:
            asked = await _read_completion_request(engine, request)
        except _RefusedError as refused:
            return refused.response
        return await engine.serve(asked, began)

    return router


async def _read_response_request(engine: Engine, request: Request) -> Asked:
    api_key, body = await _read_common(request)
    previous_id = body.get("previous_response_id")
    previous = engine.memory.find(previous_id) if isinstance(previous_id, str) else None
    if previous_id is not None and previous is None:
        message = f"Previous response with id '{previous_id}' not found."
        raise _RefusedError(
            error_response(400, message, param="previous_response_id", code="previous_response_not_found")
        )
    text_format = _object(body.get("text"), "text").get("format")
    prompt = _prompt(body, "input", "instructions", "max_output_tokens", _object(text_format, "text.format"))

    def render(text: str) -> dict[str, Any]:
        usage = _usage(prompt, text, 0 if previous is None else previous.context_tokens)
        rendered = response_body(engine.new_id("resp_"), text, usage, body, engine.clock.now())
        if rendered["store"]:
            engine.memory.keep(rendered["id"], Remembered(rendered, usage.total))
        return rendered

    return Asked("/v1/responses", body["model"], api_key, prompt, render, _hang_up(request))


async def _read_completion_request(engine: Engine, request: Request) -> Asked:
    api_key, body = await _read_common(request)
    wanted = _object(body.get("response_format"), "response_format")
    schema = _object(wanted.get("json_schema"), "response_format.json_schema").get("schema")
    limit = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    prompt = _prompt(body, "messages", None, limit, {**wanted, "schema": schema})

    def render(text: str) -> dict[str, Any]:
        return completion_body(engine.new_id("chatcmpl-"), text, _usage(prompt, text, 0), body, engine.clock.now())

    return Asked("/v1/chat/completions", body["model"], api_key, prompt, render, _hang_up(request))


def _read_key(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        message = "You didn't provide an API key. Send it in an Authorization header: Authorization: Bearer YOUR_KEY."
        raise _RefusedError(error_response(401, message, code="invalid_api_key"))
    return key.strip()


async def _read_common(request: Request) -> tuple[str, dict[str, Any]]:
    api_key = _read_key(request)
    try:
        body = await request.json()
    except (ValueError, RecursionError) as wrong:
        raise _RefusedError(error_response(400, "The body is not valid JSON; send one JSON object.")) from wrong
    if not _can_be_written(body):
        message = "The body holds half of a surrogate pair, a number that is none, or too deep a nesting; take it out."
        raise _RefusedError(error_response(400, message))
    if not isinstance(body, dict):
        raise _RefusedError(error_response(400, "The body must be one JSON object."))
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise _RefusedError(error_response(400, "you must provide a model parameter", param="model"))
    if body.get("stream"):
        message = "The sandbox does not stream; leave 'stream' out or set it to false."
        raise _RefusedError(error_response(400, message, param="stream", code="unsupported_value"))
    return api_key, body


def _can_be_written(body: Any) -> bool:
    """Python reads more than it writes: what an answer may repeat has to be JSON again, some levels further down."""
    for _ in range(_LEVELS_TO_SPARE):
        body = [body]
    try:
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def _prompt(body: dict[str, Any], items: str, instructions: str | None, limit: str, wanted: dict[str, Any]) -> Prompt:
    told = body.get(instructions) if instructions else None
    if told is not None and not isinstance(told, str):
        raise _RefusedError(error_response(400, f"'{instructions}' must be a string.", param=instructions))
    allowed = body.get(limit)
    if allowed is not None and (not isinstance(allowed, int) or allowed < 1):
        raise _RefusedError(error_response(400, f"'{limit}' must be a positive integer.", param=limit))
    schema = wanted.get("schema")
    try:
        return make_prompt(
            read_messages(body.get(items), items),
            instructions=told,
            json_asked=wanted.get("type") in {"json_object", "json_schema"},
            schema=schema if isinstance(schema, dict) else None,
            max_output_tokens=allowed,
        )
    except UnreadableInputError as wrong:
        raise _RefusedError(error_response(400, str(wrong), param=wrong.param)) from wrong


def _object(value: Any, param: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _RefusedError(error_response(400, f"'{param}' must be an object.", param=param))
    return value


def _usage(prompt: Prompt, text: str, cached: int) -> Usage:
    # Assistant texts of the input are left out of the count; a stand-in's bill may be a little low.
    fresh = count_tokens(prompt.system) + sum(count_tokens(one) for one in prompt.user_texts)
    return Usage(cached + fresh, count_tokens(text), cached)


def _hang_up(request: Request) -> Any:
    async def gone() -> None:
        # The body was read to its end, so the next thing the server can tell is that the client left.
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return gone
