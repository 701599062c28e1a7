"""The composition of the stand-in: routers for any FastAPI application, and one call that lets go of clients."""

import random
from collections.abc import Sequence

from fastapi import APIRouter

from hanfleet.kit.clock import Clock
from hanfleet.sandbox.llm.control_routes import control_router
from hanfleet.sandbox.llm.engine import Engine
from hanfleet.sandbox.llm.journal import Journal
from hanfleet.sandbox.llm.openai_routes import openai_router
from hanfleet.sandbox.llm.pace import Latency
from hanfleet.sandbox.llm.remembered import ResponseMemory


class LlmServer:
    """One stand-in. ``openai_router`` goes under the public URL, ``control_router`` behind the control token."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.openai_router: APIRouter = openai_router(engine)
        self.control_router: APIRouter = control_router(engine)

    @property
    def routers(self) -> Sequence[APIRouter]:
        """Both routers, prefixes /v1 and /llm."""
        return [self.openai_router, self.control_router]

    def close(self) -> None:
        """Let go of requests that a timeout fault holds; call it before the HTTP server shuts down."""
        self._engine.closing.set()


def create_llm(
    *,
    clock: Clock,
    rng: random.Random,
    latency: Latency | None = None,
    journal_capacity: int = 100_000,
    remembered_responses: int = 20_000,
) -> LlmServer:
    """A stand-in model server. ``rng`` draws jitter and ids only; answers depend on the input alone."""
    engine = Engine(
        clock,
        rng,
        latency or Latency(),
        memory=ResponseMemory(remembered_responses),
        journal=Journal(journal_capacity),
    )
    return LlmServer(engine)
