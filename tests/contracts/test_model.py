"""What every implementation of the model port does, against a server that speaks both of OpenAI's APIs."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import HttpUrl, SecretStr

from hanfleet.core.config import LlmApi, LlmConfig
from hanfleet.core.errors import ModelRefusedError, ModelUnavailableError
from hanfleet.kit.clock import ManualClock
from hanfleet.llm import Model, ModelRequest, Said, make_model
from tests.support.llm_server import LlmStandIn, llm_stand_in
from tests.support.waiting import eventually

HELLO = ModelRequest("You are Mia.", (), "Hello #deadbeef")


@pytest_asyncio.fixture
async def server() -> AsyncIterator[LlmStandIn]:
    async with llm_stand_in() as standing:
        yield standing


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture(params=list(LlmApi))
async def model(request: pytest.FixtureRequest, server: LlmStandIn, clock: ManualClock) -> AsyncIterator[Model]:
    config = LlmConfig(api=request.param, base_url=HttpUrl(server.base_url), timeout_s=2, attempts=3)
    made = make_model(config, SecretStr("sk-contract"), clock=clock, chance=random.Random(1))
    yield made
    await made.close()
    await made.close()


async def test_it_answers_and_counts(model: Model):
    answer = await model.answer(HELLO)
    assert "#deadbeef" in answer.text
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0


async def test_only_the_message_is_answered_not_the_history(model: Model):
    history = (Said("user", "Before #00000001"), Said("assistant", "Got #00000001."))
    answer = await model.answer(ModelRequest("You are Mia.", history, "Now #00000002"))
    assert "#00000002" in answer.text
    assert "#00000001" not in answer.text


async def test_a_conversation_goes_on_and_survives_a_forgetful_server(model: Model):
    first = await model.answer(HELLO)
    history = (Said("user", "Hello #deadbeef"), Said("assistant", first.text))
    again = await model.answer(ModelRequest("You are Mia.", history, "More #00000002", first.response_id))
    assert "#00000002" in again.text
    forgotten = await model.answer(ModelRequest("You are Mia.", history, "More #00000003", "resp_never_heard_of"))
    assert "#00000003" in forgotten.text


@pytest.mark.parametrize("fault", ["server_error", "malformed", "empty"])
async def test_a_passing_fault_is_asked_away(model: Model, server: LlmStandIn, clock: ManualClock, fault: str):
    await server.fault(fault, count=2)
    before = clock.monotonic()
    assert "#deadbeef" in (await model.answer(HELLO)).text
    assert len(await server.requests()) == 3
    assert 0 < clock.monotonic() - before < 5


@pytest.mark.parametrize("fault", ["server_error", "malformed", "empty"])
async def test_a_lasting_fault_makes_it_unavailable(model: Model, server: LlmStandIn, fault: str):
    await server.fault(fault, count=5)
    with pytest.raises(ModelUnavailableError):
        await model.answer(HELLO)
    assert len(await server.requests()) == 3


async def test_the_pause_that_the_server_names_is_kept(model: Model, server: LlmStandIn, clock: ManualClock):
    await server.fault("rate_limit", count=1, retry_after_s=7)
    before = clock.monotonic()
    answer = await model.answer(HELLO)
    assert clock.monotonic() - before == pytest.approx(7)
    assert answer.elapsed_s == pytest.approx(7)


async def test_a_pause_longer_than_a_contact_waits_is_not_waited_out(
    model: Model, server: LlmStandIn, clock: ManualClock
):
    await server.fault("rate_limit", count=1, retry_after_s=600)
    before = clock.monotonic()
    with pytest.raises(ModelUnavailableError) as raised:
        await model.answer(HELLO)
    assert raised.value.retry_after == pytest.approx(600)
    assert clock.monotonic() == before


async def test_five_requests_at_once_and_no_more(model: Model, server: LlmStandIn):
    await server.be_slow(1500)  # long enough for five to come together on any machine
    asked = [asyncio.create_task(model.answer(HELLO)) for _ in range(8)]

    await eventually(lambda: server.in_flight_is(5))
    seen = [await server.in_flight() for _ in range(20)]
    assert max(seen) <= 5
    await server.be_slow(0)
    await asyncio.gather(*asked)


async def test_cancelling_leaves_it_usable(model: Model, server: LlmStandIn):
    await server.be_slow(800)
    asked = asyncio.create_task(model.answer(HELLO))
    await eventually(lambda: server.in_flight_is(1))
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await server.be_slow(0)
    assert "#deadbeef" in (await model.answer(HELLO)).text


@pytest.mark.parametrize("api", list(LlmApi))
async def test_a_silent_server_is_given_up(server: LlmStandIn, api: LlmApi):
    config = LlmConfig(api=api, base_url=HttpUrl(server.base_url), timeout_s=0.2, attempts=2)
    model = make_model(config, SecretStr("sk-contract"), clock=ManualClock(), chance=random.Random(1))
    await server.fault("timeout", count=2)
    with pytest.raises(ModelUnavailableError, match="in time"):
        await model.answer(HELLO)
    await model.close()


@pytest.mark.parametrize("api", list(LlmApi))
async def test_no_server_at_all_is_unavailable(api: LlmApi):
    config = LlmConfig(api=api, base_url=HttpUrl("http://127.0.0.1:9/v1"), attempts=2)
    model = make_model(config, None, clock=ManualClock(), chance=random.Random(1))
    with pytest.raises(ModelUnavailableError, match="cannot be reached"):
        await model.answer(HELLO)
    await model.close()


@pytest.mark.parametrize("api", list(LlmApi))
async def test_without_key_the_vendor_is_not_asked(api: LlmApi):
    model = make_model(LlmConfig(api=api), None, clock=ManualClock(), chance=random.Random(1))
    with pytest.raises(ModelRefusedError, match="openai_api_key"):
        await model.answer(HELLO)
    await model.close()
