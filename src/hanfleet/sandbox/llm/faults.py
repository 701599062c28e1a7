"""Faults that were ordered for coming requests, spent one request at a time.

It decides which request is struck and forgets an order when its count is used up; what the fault does on the wire is
the routes' business.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """What can go wrong with a model's server."""

    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"
    EMPTY = "empty"


class FaultOrder(BaseModel):
    """What an operator of the sandbox asks for.

    ``match`` is a part of the API key or of the model's name. ``retry_after_s`` belongs to rate_limit. ``delay_ms``
    belongs to timeout: the answer comes that late; without it no answer ever comes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: FaultKind
    count: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    match: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    retry_after_s: Annotated[float, Field(ge=0, le=86_400)] = 1.0
    delay_ms: Annotated[int, Field(ge=0, le=3_600_000)] | None = None


class StandingFault(FaultOrder):
    """An order that is not used up: ``count`` is what remains, ``struck`` how many requests it has hit."""

    id: int
    struck: int = 0


class FaultBook:
    """The standing orders, oldest first."""

    def __init__(self) -> None:
        self._standing: dict[int, StandingFault] = {}
        self._last_id = 0

    def order(self, order: FaultOrder) -> StandingFault:
        self._last_id += 1
        standing = StandingFault(id=self._last_id, **order.model_dump())
        self._standing[standing.id] = standing
        return standing

    def list(self) -> Sequence[StandingFault]:
        return list(self._standing.values())

    def clear(self) -> int:
        """Withdraw all orders; gives their number."""
        number = len(self._standing)
        self._standing.clear()
        return number

    def strike(self, api_key: str, model: str) -> StandingFault | None:
        """The fault that hits this request, if any; it is counted as spent."""
        for standing in self._standing.values():
            if standing.match is None or standing.match in api_key or standing.match in model:
                return self._spend(standing)
        return None

    def _spend(self, standing: StandingFault) -> StandingFault:
        spent = standing.model_copy(update={"count": standing.count - 1, "struck": standing.struck + 1})
        if spent.count:
            self._standing[standing.id] = spent
        else:
            del self._standing[standing.id]
        return spent
