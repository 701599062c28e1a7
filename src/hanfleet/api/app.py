"""The application: routes, middleware, errors. Made for one manager and one token; opens and closes nothing."""

from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI
from pydantic import SecretStr

from hanfleet.api import errors
from hanfleet.api.middleware import BodyLimit, RequestId
from hanfleet.api.routes import audit, bots, contacts, health, login, records
from hanfleet.api.security import holder_of
from hanfleet.control import MultiBotManager


def create_app(manager: MultiBotManager, *, api_token: SecretStr) -> FastAPI:
    """The ASGI application. ``api_token`` opens /api; /healthz, /metrics and /openapi.json are open."""
    app = FastAPI(
        title="Hanfleet",
        version=version("hanfleet"),
        description="A fleet of Telegram AI bots. Errors are problem documents (RFC 9457).",
        # The pages would load scripts from elsewhere into the browser of someone who holds the token.
        docs_url=None,
        redoc_url=None,
    )
    errors.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(RequestId)
    api = APIRouter(prefix="/api", dependencies=[Depends(holder_of(api_token))], responses=errors.RESPONSES)
    for routes in (bots, contacts, login, records, audit):
        api.include_router(routes.router(manager))
    app.include_router(api)
    app.include_router(health.router(manager))
    written = app.openapi
    app.openapi = lambda: errors.name_media_type(written())  # type: ignore[method-assign] # as FastAPI's guide has it
    return app
