"""The routes below /llm with which a person or a test turns the stand-in's knobs and reads its journal.

Whoever mounts them puts the token check in front and explains bad input (`wording.py`).
"""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from hanfleet.sandbox.llm.engine import Engine
from hanfleet.sandbox.llm.faults import FaultOrder, StandingFault
from hanfleet.sandbox.llm.journal import Durations, RequestLine
from hanfleet.sandbox.llm.pace import Latency


class Stats(BaseModel):
    """What the stand-in did since it started."""

    model_config = ConfigDict(frozen=True)

    requests: int
    in_flight: int
    by_status: dict[int, int]
    by_path: dict[str, int]
    by_fault: dict[str, int]
    duration_ms: Durations | None
    remembered_responses: int
    standing_faults: int
    latency: Latency


class Withdrawn(BaseModel):
    """How many fault orders were withdrawn."""

    withdrawn: int


def control_router(engine: Engine) -> APIRouter:
    """Routes of one stand-in's knobs."""
    router = APIRouter(prefix="/llm", tags=["model control"])

    @router.get("/latency")
    async def get_latency() -> Latency:
        return engine.latency

    @router.put("/latency")
    async def put_latency(latency: Latency) -> Latency:
        engine.latency = latency
        return latency

    @router.post("/faults", status_code=201)
    async def order_fault(order: FaultOrder) -> StandingFault:
        return engine.faults.order(order)

    @router.get("/faults")
    async def list_faults() -> list[StandingFault]:
        return list(engine.faults.list())

    @router.delete("/faults")
    async def withdraw_faults() -> Withdrawn:
        return Withdrawn(withdrawn=engine.faults.clear())

    @router.get("/requests")
    async def list_requests(
        after: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=100_000)] = 10_000
    ) -> list[RequestLine]:
        return list(engine.journal.after(after, limit))

    @router.get("/stats")
    async def get_stats() -> Stats:
        journal = engine.journal
        return Stats(
            requests=journal.total,
            in_flight=engine.in_flight,
            by_status=dict(journal.by_status),
            by_path=dict(journal.by_path),
            by_fault=dict(journal.by_fault),
            duration_ms=journal.durations(),
            remembered_responses=len(engine.memory),
            standing_faults=len(engine.faults.list()),
            latency=engine.latency,
        )

    return router
