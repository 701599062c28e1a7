"""/api/audit: who changed what. Verifying the trail needs more than a token: see `hanfleet audit verify`."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from hanfleet.api.routes.bots import Limit
from hanfleet.api.schemas import Page
from hanfleet.control import MultiBotManager
from hanfleet.control.trail import AuditAction, AuditEntry


def router(manager: MultiBotManager) -> APIRouter:
    routes = APIRouter(prefix="/audit", tags=["audit"])

    @routes.get("", operation_id="list_audit")
    async def list_audit(
        bot: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,50}$", description="Only of this bot.")] = None,
        principal: Annotated[
            str | None,
            Query(
                pattern=r"^[a-z]+:[^\x00-\x1f]{1,190}$", description="Only by this one.", examples=["operator:owner"]
            ),
        ] = None,
        action: Annotated[AuditAction | None, Query(description="Only such changes.")] = None,
        since: Annotated[AwareDatetime | None, Query(description="Not before this time.")] = None,
        until: Annotated[AwareDatetime | None, Query(description="Before this time.")] = None,
        limit: Limit = 100,
        cursor: Annotated[str | None, Query(max_length=200, description="next_cursor of the page before.")] = None,
    ) -> Page[AuditEntry]:
        """Changes of configuration, wishes, secrets, rights, consent; newest first, also of bots that are gone."""
        found = await manager.trail.list(
            bot_id=bot, principal=principal, action=action, since=since, until=until, cursor=cursor, limit=limit
        )
        return Page(items=found, next_cursor=found[-1].cursor if len(found) == limit else None)

    return routes
