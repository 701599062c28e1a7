"""The state behind the routes: latency, faults, remembered responses and the journal, and how one request is served.

It takes a request that was read and gives an HTTP response; it refuses to know tokens of the control interface or where
it is mounted.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import JSONResponse, Response

from hanfleet.kit.clock import Clock
from hanfleet.sandbox.llm.answers import compose_answer
from hanfleet.sandbox.llm.conversation import Prompt
from hanfleet.sandbox.llm.faults import FaultBook, FaultKind, StandingFault
from hanfleet.sandbox.llm.journal import CLIENT_GONE, Journal
from hanfleet.sandbox.llm.nonces import gather_nonces
from hanfleet.sandbox.llm.pace import Latency
from hanfleet.sandbox.llm.remembered import ResponseMemory
from hanfleet.sandbox.llm.structured import asks_for_json, compose_json
from hanfleet.sandbox.llm.wire import error_response

_BROKEN_JSON = b'{"id": "resp_broken", "object": "resp'


@dataclass(frozen=True)
class Asked:
    """A request that was read and found good. ``render`` makes the API's own body from the answer's text."""

    path: str
    model: str
    api_key: str
    prompt: Prompt
    render: Callable[[str], dict[str, Any]]
    hang_up: Callable[[], Awaitable[None]]
    """Returns when the client has gone."""


@dataclass
class Engine:
    """One stand-in model server."""

    clock: Clock
    rng: random.Random
    latency: Latency
    memory: ResponseMemory = field(default_factory=ResponseMemory)
    journal: Journal = field(default_factory=Journal)
    faults: FaultBook = field(default_factory=FaultBook)
    in_flight: int = 0
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def new_id(self, prefix: str) -> str:
        """An id like the vendor's; random, so that ids of different runs do not meet."""
        return f"{prefix}{self.rng.getrandbits(192):048x}"

    async def serve(self, asked: Asked, began: float) -> Response:
        """Answer one request, with its share of latency and faults, and write it down.

        ``began`` is the monotonic time at which it arrived: reading it is a model server's work, too.
        """
        at = self.clock.now().timestamp()
        fault = self.faults.strike(asked.api_key, asked.model)
        self.in_flight += 1
        status = CLIENT_GONE
        try:
            response = await self._answer(asked, fault)
            status = response.status_code
        finally:
            self.in_flight -= 1
            self.journal.note(
                path=asked.path,
                model=asked.model,
                api_key=asked.api_key,
                nonces=gather_nonces(asked.prompt.answered),
                duration_ms=(self.clock.monotonic() - began) * 1000,
                status=status,
                at=at,
                fault=None if fault is None else fault.fault,
            )
        return response

    async def _answer(self, asked: Asked, fault: StandingFault | None) -> Response:
        if fault is not None and fault.fault is FaultKind.TIMEOUT and fault.delay_ms is None:
            return await self._never(asked)
        if fault is not None and fault.fault is FaultKind.TIMEOUT:
            await self.clock.sleep((fault.delay_ms or 0) / 1000)
        else:
            await self.clock.sleep(self.latency.draw_s(self.rng))
        if fault is not None and fault.fault is not FaultKind.TIMEOUT:
            return self._fail(asked, fault)
        json_wanted = asks_for_json(asked.prompt)
        text = compose_json(asked.prompt) if json_wanted else compose_answer(asked.prompt)
        return JSONResponse(asked.render(text))

    def _fail(self, asked: Asked, fault: StandingFault) -> Response:
        if fault.fault is FaultKind.RATE_LIMIT:
            return error_response(
                429,
                f"Rate limit reached for {asked.model}. Please try again in {fault.retry_after_s:g}s.",
                kind="requests",
                code="rate_limit_exceeded",
                headers={"Retry-After": f"{fault.retry_after_s:g}"},
            )
        if fault.fault is FaultKind.SERVER_ERROR:
            return error_response(500, "The server had an error while processing your request.", kind="server_error")
        if fault.fault is FaultKind.EMPTY:
            return JSONResponse(asked.render(""))
        # Broken JSON and valid JSON of a foreign shape take turns, since clients trip over them in different places.
        if fault.struck % 2:
            return Response(_BROKEN_JSON, media_type="application/json")
        return JSONResponse({"object": "surprise", "output": None, "choices": None})

    async def _never(self, asked: Asked) -> Response:
        """Hold the line until the client hangs up or this server closes."""
        waits = [asyncio.ensure_future(asked.hang_up()), asyncio.ensure_future(self.closing.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
                with suppress(asyncio.CancelledError):
                    await wait
        return error_response(CLIENT_GONE, "The sandbox held this request until nobody waited for it.", kind="timeout")
