"""The stand-in model server against the vendor's own, unmodified client."""

import asyncio
import random
from collections.abc import AsyncIterator

import httpx
import openai
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from openai import AsyncOpenAI

from hanfleet.kit.clock import SystemClock
from hanfleet.sandbox.llm import Latency, create_llm
from hanfleet.sandbox.llm.nonces import find_nonces
from hanfleet.sandbox.wording import explain
from tests.support.ports import free_port
from tests.support.waiting import eventually

BROKEN_BODIES = (
    b"{",
    b"[]",
    b"{}",
    b'{"model": "m", "input": 5}',
    b'{"model": "m", "input": "x", "text": 1}',
    b'{"model": "m", "input": "\\ud800"}',
    b'{"model": "\\ud800", "input": "x"}',
    b'{"model": "m", "input": "x", "temperature": NaN}',
    b'{"model": "m", "input": "x", "metadata": ' + b"[" * 960 + b"]" * 960 + b"}",
    b"[" * 100_000,
)


@pytest_asyncio.fixture
async def url() -> AsyncIterator[str]:
    llm = create_llm(clock=SystemClock(), rng=random.Random(7), latency=Latency(base_ms=5, jitter_ms=5))
    app = FastAPI(exception_handlers={RequestValidationError: explain})
    for router in llm.routers:
        app.include_router(router)
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off", ws="none")
    )
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    llm.close()
    server.should_exit = True
    await serving


@pytest_asyncio.fixture
async def model(url: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="sk-test-one", base_url=f"{url}/v1", max_retries=0, timeout=10) as client:
        yield client


@pytest_asyncio.fixture
async def knobs(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{url}/llm") as client:
        yield client


async def test_a_response_parses_and_counts_tokens(model):
    answer = await model.responses.create(
        model="sandbox-small",
        instructions="You are Mira.",
        input=[{"role": "user", "content": "Hello there #deadbeef"}],
    )
    assert answer.status == "completed"
    assert find_nonces(answer.output_text) == ("#deadbeef",)
    assert answer.usage.input_tokens > 0
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    again = await model.responses.retrieve(answer.id)
    assert again.output_text == answer.output_text


async def test_previous_response_id_answers_only_what_is_new(model):
    first = await model.responses.create(model="m", input="Hello #00000001")
    second = await model.responses.create(
        model="m",
        previous_response_id=first.id,
        input=[{"role": "user", "content": "One #00000002"}, {"role": "user", "content": "Two #00000003"}],
    )
    assert second.previous_response_id == first.id
    assert set(find_nonces(second.output_text)) == {"#00000002", "#00000003"}
    assert second.usage.input_tokens > first.usage.total_tokens
    assert second.usage.input_tokens_details.cached_tokens == first.usage.total_tokens


async def test_an_unknown_or_unstored_previous_response_is_refused_as_the_vendor_does(model):
    unstored = await model.responses.create(model="m", input="Hello", store=False)
    for unknown in ("resp_nothing", unstored.id):
        with pytest.raises(openai.BadRequestError) as refused:
            await model.responses.create(model="m", input="Hello", previous_response_id=unknown)
        assert refused.value.code == "previous_response_not_found"
        assert refused.value.param == "previous_response_id"


async def test_a_chat_completion_parses_and_repeats_only_new_nonces(model):
    answer = await model.chat.completions.create(
        model="sandbox-small",
        messages=[
            {"role": "system", "content": "Ты — Варя, тёплая собеседница."},
            {"role": "user", "content": "Привет #00000001"},
            {"role": "assistant", "content": "Привет (#00000001)"},
            {"role": "user", "content": "Как дела? #00000002"},
            {"role": "user", "content": "Ау! #00000003"},
        ],
    )
    text = answer.choices[0].message.content
    assert sorted(find_nonces(text)) == ["#00000002", "#00000003"]
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_structured_output_is_parsed_by_the_vendors_client(model):
    answer = await model.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "I am Pip"}], response_format={"type": "json_object"}
    )
    assert answer.choices[0].message.content.startswith("{")


async def test_models_are_listed(model):
    assert "sandbox-small" in [one.id async for one in model.models.list()]


async def test_bad_requests_get_errors_in_the_vendors_shape(model, url):
    with pytest.raises(openai.BadRequestError, match="does not stream"):
        await model.responses.create(model="m", input="x", stream=True)
    with pytest.raises(openai.BadRequestError, match="messages"):
        await model.chat.completions.create(model="m", messages=[])
    async with httpx.AsyncClient() as bare:
        keyless = await bare.post(f"{url}/v1/responses", json={"model": "m", "input": "x"})
        assert keyless.status_code == 401
        assert keyless.json()["error"]["code"] == "invalid_api_key"
        assert (await bare.get(f"{url}/v1/models")).status_code == 401
        for body in BROKEN_BODIES:
            broken = await bare.post(f"{url}/v1/responses", content=body, headers={"Authorization": "Bearer x"})
            assert broken.status_code == 400
            assert broken.json()["error"]["type"] == "invalid_request_error"


async def test_rate_limit_and_server_error_are_raised_by_the_client(model, knobs):
    await knobs.post("/faults", json={"fault": "rate_limit", "retry_after_s": 3})
    with pytest.raises(openai.RateLimitError) as limited:
        await model.responses.create(model="m", input="x")
    assert limited.value.response.headers["retry-after"] == "3"
    await knobs.post("/faults", json={"fault": "server_error"})
    with pytest.raises(openai.InternalServerError):
        await model.responses.create(model="m", input="x")
    assert (await model.responses.create(model="m", input="x #deadbeef")).output_text


async def test_a_fault_can_be_aimed_at_one_key(model, knobs):
    await knobs.post("/faults", json={"fault": "server_error", "match": "sk-other"})
    assert (await model.responses.create(model="m", input="x")).output_text
    assert [fault["count"] for fault in (await knobs.get("/faults")).json()] == [1]
    assert (await knobs.delete("/faults")).json() == {"withdrawn": 1}


async def test_empty_malformed_and_late_answers(model, knobs):
    await knobs.post("/faults", json={"fault": "empty"})
    assert (await model.responses.create(model="m", input="x")).output_text == ""
    await knobs.post("/faults", json={"fault": "malformed", "count": 2})
    with pytest.raises(ValueError, match=r"(?i)json|unterminated"):
        await model.responses.create(model="m", input="x")
    odd = await model.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert odd.choices is None
    await knobs.post("/faults", json={"fault": "timeout", "delay_ms": 120})
    assert (await model.responses.create(model="m", input="x")).output_text
    (late,) = [line for line in (await knobs.get("/requests")).json() if line["fault"] == "timeout"]
    assert late["duration_ms"] >= 120


async def test_a_request_without_answer_ends_with_the_client(model, knobs):
    await knobs.post("/faults", json={"fault": "timeout"})
    with pytest.raises(openai.APITimeoutError):
        await model.with_options(timeout=0.2).responses.create(model="m", input="x #deadbeef")

    async def noted() -> bool:
        return bool((await knobs.get("/requests")).json())

    await eventually(noted)
    (line,) = (await knobs.get("/requests")).json()
    assert (line["status"], line["fault"], line["nonces"]) == (499, "timeout", ["#deadbeef"])


async def test_latency_can_be_changed_and_the_journal_tells_model_time(model, knobs):
    assert (await knobs.put("/latency", json={"base_ms": 80, "jitter_ms": 0})).json() == {"base_ms": 80, "jitter_ms": 0}
    await model.responses.create(model="one", input="x #00000001")
    await model.responses.create(model="two", input="y #00000002")
    lines = (await knobs.get("/requests")).json()
    assert [line["nonces"] for line in lines] == [["#00000001"], ["#00000002"]]
    assert all(80 <= line["duration_ms"] < 1000 for line in lines)
    assert lines[0]["api_key_tail"] == "st-one"
    assert [line["model"] for line in (await knobs.get("/requests", params={"after": lines[0]["id"]})).json()] == [
        "two"
    ]
    stats = (await knobs.get("/stats")).json()
    assert (stats["requests"], stats["by_status"]) == (2, {"200": 2})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/latency", {"base_ms": -1}),
        ("PUT", "/latency", {"base": 1}),
        ("POST", "/faults", {"fault": "plague"}),
        ("POST", "/faults", {"fault": "empty", "count": 0}),
        ("POST", "/faults", {"fault": "empty", "extra": 1}),
        ("GET", "/requests?after=x", None),
    ],
)
async def test_bad_knobs_get_a_sentence_and_change_nothing(knobs, method, path, body):
    refused = await knobs.request(method, path, json=body)
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("Nothing was changed; please mend ")
    assert (await knobs.get("/faults")).json() == []
    assert (await knobs.get("/latency")).json() == {"base_ms": 5, "jitter_ms": 5}
