"""The web application on the sandbox's second port: control routes behind a bearer token, the language model beside.

``/v1`` takes any key, as a model server on one's own machine does; everything else asks for the control token.
"""

import hmac
import time
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from hanfleet.sandbox.control.accounts import account_routes
from hanfleet.sandbox.control.actions import action_routes
from hanfleet.sandbox.control.faults import fault_routes
from hanfleet.sandbox.control.models import KeyView, StatsView
from hanfleet.sandbox.telegram.service import Telegram
from hanfleet.sandbox.wording import explain

_bearer = HTTPBearer(auto_error=False)


def token_check(token: str) -> Callable[..., None]:
    """A dependency that lets only the bearer of ``token`` pass."""

    def check(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        given = credentials.credentials if credentials else ""
        if not hmac.compare_digest(given.encode(), token.encode()):
            raise HTTPException(401, "Send the control_token of sandbox.json as a bearer token.")

    return check


def _stats_routes(telegram: Telegram, connections: Callable[[], int]) -> APIRouter:
    router = APIRouter(tags=["statistics"])
    began = time.monotonic()

    @router.get("/stats")
    async def stats() -> StatsView:
        """What happened so far, over the life of the data; uptime and open connections are this process's."""
        database = telegram.database
        keys = [
            KeyView(
                key_id=str(key.id),
                account_id=key.account_id,
                layer=key.layer,
                connections=sum(not link.is_left_by_client() for link in key.links),
                max_connections=key.max_connections,
            )
            for key in telegram.keys
        ]
        sends = database.execute("SELECT id, sends FROM accounts WHERE sends > 0 ORDER BY id").fetchall()
        return StatsView(
            uptime_s=round(time.monotonic() - began, 3),
            connections=connections(),
            auth_keys=keys,
            max_connections_per_auth_key=telegram.keys.most_connections(),
            messages_sent=database.counted("messages_sent"),
            duplicates_refused=database.counted("duplicates_refused"),
            unknown_methods=database.counted("unknown_methods"),
            sends_by_account={str(row["id"]): row["sends"] for row in sends},
        )

    return router


def create_app(
    telegram: Telegram, token: str, connections: Callable[[], int], others: Sequence[APIRouter] = ()
) -> FastAPI:
    """The application. ``others`` are the language model's routers; those under /v1 ask for no token."""
    app = FastAPI(
        title="Hanfleet sandbox",
        version="1",
        description=__doc__ or "",
        exception_handlers={RequestValidationError: explain},
    )
    guard = [Depends(token_check(token))]
    for router in (
        account_routes(telegram),
        action_routes(telegram),
        fault_routes(telegram),
        _stats_routes(telegram, connections),
    ):
        app.include_router(router, dependencies=guard)
    for router in others:
        app.include_router(router, dependencies=[] if router.prefix.startswith("/v1") else guard)
    return app
