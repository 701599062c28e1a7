"""The vendor's client, which speaks to every OpenAI-compatible server; the only door to it.

Its own retries are off: how long a turn may take is our decision. Requests and answers pass as plain JSON: the vendor's
types of both would cost 5 ms per request, and 200 ms and several megabytes at each worker's first reply. One shared
TLS context serves every client, since loading the certificates costs 20 ms and workers are forked after `warm_up`.
"""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

import openai
from openai import AsyncOpenAI
from pydantic import SecretStr

from hanfleet.core.config import LlmConfig
from hanfleet.core.errors import ModelRefusedError, ModelUnavailableError
from hanfleet.kit.backoff import Backoff
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.llm import ModelAnswer, ModelRequest, Usage
from hanfleet.llm.vendor_errors import UnusableAnswerError, as_model_error, forgot_the_conversation

AT_ONCE = 5
"""Requests of one bot at the same time, as in the old bot."""

LONGEST_WAIT_S = 60.0
"""A server that wants a longer pause is taken as unavailable; the contact gets the fallback instead of silence."""

_PAUSES = Backoff(first_s=0.5, longest_s=8.0, jitter=0.5)
_NO_KEY_NEEDED = "none"

Ask = Callable[[AsyncOpenAI, LlmConfig, ModelRequest], Awaitable[tuple[str, str | None, Usage]]]
_log = get_logger("llm")


class OpenAIModel:
    """One bot's model behind an OpenAI-compatible server; ``ask`` knows one of the two APIs."""

    def __init__(
        self, config: LlmConfig, api_key: SecretStr | None, clock: Clock, chance: random.Random, *, ask: Ask
    ) -> None:
        self._config = config
        self._clock = clock
        self._chance = chance
        self._ask = ask
        self._slots = asyncio.Semaphore(AT_ONCE)
        # A server of one's own often wants no key, the vendor's always does.
        self._keyless = api_key is None and config.base_url is None
        self._client = AsyncOpenAI(
            api_key=api_key.get_secret_value() if api_key else _NO_KEY_NEEDED,
            base_url=str(config.base_url).rstrip("/") if config.base_url else None,
            timeout=config.timeout_s,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(verify=_tls()),
        )

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        if self._keyless:
            raise ModelRefusedError("There is no key for the model: set openai_api_key, or llm.base_url of a server.")
        started = self._clock.monotonic()
        async with self._slots:
            text, response_id, usage = await self._with_patience(request)
        return ModelAnswer(text, response_id, usage, self._clock.monotonic() - started)

    async def close(self) -> None:
        await self._client.close()

    async def _with_patience(self, request: ModelRequest) -> tuple[str, str | None, Usage]:
        tries_left = self._config.attempts
        while True:
            tries_left -= 1
            try:
                return await self._once(request)
            except ModelUnavailableError as failed:
                pause = self._pause(failed, self._config.attempts - tries_left)
                if tries_left == 0 or pause > LONGEST_WAIT_S:
                    raise
                _log.info("the model is asked again", reason=str(failed), pause_s=round(pause, 2))
            await self._clock.sleep(pause)

    async def _once(self, request: ModelRequest) -> tuple[str, str | None, Usage]:
        try:
            async with asyncio.timeout(self._config.timeout_s):
                try:
                    text, response_id, usage = await self._ask(self._client, self._config, request)
                except openai.APIStatusError as refused:
                    if request.previous_response_id is None or not forgot_the_conversation(refused):
                        raise
                    whole = ModelRequest(request.instructions, request.history, request.message)
                    text, response_id, usage = await self._ask(self._client, self._config, whole)
        # A broken answer shows itself while it is read: no JSON, or not in the shape that was promised.
        except (openai.OpenAIError, TimeoutError, ValueError, TypeError, AttributeError, LookupError) as error:
            raise as_model_error(error, self._clock.now()) from error
        if not isinstance(text, str) or not text.strip():
            raise UnusableAnswerError("The model's answer is empty.")
        return text, response_id, usage

    def _pause(self, failed: ModelUnavailableError, tries: int) -> float:
        if failed.retry_after is not None:
            return failed.retry_after
        return _PAUSES.delay(tries, self._chance)


async def _ask_responses(
    client: AsyncOpenAI, config: LlmConfig, request: ModelRequest
) -> tuple[str, str | None, Usage]:
    """POST /v1/responses (https://platform.openai.com/docs/api-reference/responses)."""
    asked = {
        "model": config.model,
        "instructions": request.instructions,
        "temperature": config.temperature,
        "max_output_tokens": config.max_tokens,
    }
    if request.previous_response_id is None:
        asked["input"] = _messages(request)
    else:
        asked |= {"input": request.message, "previous_response_id": request.previous_response_id}
    answer: Any = await client.post("/responses", cast_to=object, body=asked)
    contents = [part for item in answer["output"] if item["type"] == "message" for part in item["content"]]
    text = "".join(part["text"] for part in contents if part["type"] == "output_text")
    return text, answer["id"], _paid(answer, "input_tokens", "output_tokens")


async def _ask_chat(client: AsyncOpenAI, config: LlmConfig, request: ModelRequest) -> tuple[str, str | None, Usage]:
    """POST /v1/chat/completions (https://platform.openai.com/docs/api-reference/chat)."""
    asked = {
        "model": config.model,
        "messages": [{"role": "system", "content": request.instructions}, *_messages(request)],
        "temperature": config.temperature,
        "max_tokens": config.max_tokens,
    }
    answer: Any = await client.post("/chat/completions", cast_to=object, body=asked)
    return answer["choices"][0]["message"]["content"], None, _paid(answer, "prompt_tokens", "completion_tokens")


def _paid(body: dict[str, Any], given: str, made: str) -> Usage:
    """Not every compatible server counts."""
    used = body.get("usage") or {}
    return Usage(int(used.get(given) or 0), int(used.get(made) or 0))


def _messages(request: ModelRequest) -> list[Any]:
    said = [{"role": one.role, "content": one.text} for one in request.history]
    return [*said, {"role": "user", "content": request.message}]


make_responses_model = partial(OpenAIModel, ask=_ask_responses)
make_chat_model = partial(OpenAIModel, ask=_ask_chat)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def warm_up() -> None:
    """Load and build what a first request loads and builds, before workers are forked: certificates, late imports."""
    asyncio.run(rehearse())


async def rehearse() -> None:
    """Ask nobody once, by both APIs, on a port where nobody listens. Leaves no connection, thread or task."""
    request = ModelRequest("", (), "")
    for ask in (_ask_responses, _ask_chat):
        client = AsyncOpenAI(
            api_key=_NO_KEY_NEEDED,
            base_url="http://127.0.0.1:1",
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(verify=_tls(), trust_env=False),
        )
        with suppress(openai.OpenAIError):
            await ask(client, LlmConfig(timeout_s=1.0), request)
        await client.close()
