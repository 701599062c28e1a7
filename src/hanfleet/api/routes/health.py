"""/healthz and /metrics: for machines that watch. Neither needs the token, and neither tells of people or secrets."""

from collections.abc import Awaitable
from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from hanfleet.api.errors import ANYWHERE, responses
from hanfleet.api.metrics import CONTENT_TYPE, exposition
from hanfleet.api.schemas import Health
from hanfleet.control import MultiBotManager
from hanfleet.core.errors import HanfleetError

_OK = "ok"


def router(manager: MultiBotManager) -> APIRouter:
    routes = APIRouter(tags=["health"], responses=ANYWHERE)

    # Monitors of uptime ask with HEAD.
    @routes.head("/healthz", include_in_schema=False)
    @routes.get("/healthz", operation_id="get_health", responses={503: {"model": Health}})
    async def health(response: Response) -> Health:
        """Whether the API can do its work. Bots answer without it, and without the bus."""
        database, bus = await _outcome(manager.check_database()), await _outcome(manager.check_bus())
        if database != _OK:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
            return Health(status="unavailable", database=database, bus=bus)
        return Health(status=_OK if bus == _OK else "degraded", database=database, bus=bus)

    @routes.get(
        "/metrics",
        operation_id="get_metrics",
        response_class=PlainTextResponse,
        responses=responses(HTTPStatus.SERVICE_UNAVAILABLE),
    )
    async def metrics() -> Response:
        """Prometheus' text format."""
        return Response(exposition(await manager.all_statuses()), media_type=CONTENT_TYPE)

    return routes


async def _outcome(check: Awaitable[None]) -> str:
    try:
        await check
    except HanfleetError:
        # The sentence may name addresses, and anyone may ask here: the log has it.
        return "unavailable"
    return _OK
