"""The sandbox's model server alone, on a port of its own, for tests that need no Telegram."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from hanfleet.kit.clock import SystemClock
from hanfleet.sandbox.llm import Latency, create_llm
from tests.support.ports import free_port
from tests.support.waiting import eventually


@dataclass
class LlmStandIn:
    """A running stand-in: ``base_url`` is what a bot's configuration takes."""

    base_url: str
    knobs: httpx.AsyncClient

    async def fault(self, kind: str, **order: Any) -> None:
        """Strike the coming requests (see hanfleet.sandbox.llm.faults)."""
        (await self.knobs.post("/faults", json={"fault": kind, **order})).raise_for_status()

    async def requests(self) -> list[dict[str, Any]]:
        """The journal of everything that was asked."""
        found: list[dict[str, Any]] = (await self.knobs.get("/requests")).json()
        return found

    async def in_flight(self) -> int:
        """How many requests it is working on right now."""
        return int((await self.knobs.get("/stats")).json()["in_flight"])

    async def in_flight_is(self, number: int) -> bool:
        return await self.in_flight() == number

    async def be_slow(self, milliseconds: int) -> None:
        (await self.knobs.put("/latency", json={"base_ms": milliseconds, "jitter_ms": 0})).raise_for_status()


@asynccontextmanager
async def llm_stand_in() -> AsyncIterator[LlmStandIn]:
    llm = create_llm(clock=SystemClock(), rng=random.Random(7), latency=Latency(base_ms=1, jitter_ms=0))
    app = FastAPI()
    for router in llm.routers:
        app.include_router(router)
    port = free_port()
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        await eventually(lambda: server.started)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/llm") as knobs:
            yield LlmStandIn(f"http://127.0.0.1:{port}/v1", knobs)
    finally:
        llm.close()
        server.should_exit = True
        await serving
