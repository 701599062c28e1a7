"""/api/audit: who changed what. Verifying the trail needs more than a token: see `hanfleet audit verify`."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import PlainValidator, WithJsonSchema

from hanfleet.api.routes.bots import Limit
from hanfleet.api.schemas import Page
from hanfleet.control import MultiBotManager
from hanfleet.control.trail import AuditAction, AuditEntry


def _moment(text: str) -> datetime:
    """Raises ValueError also for a time that is none in UTC, before the first year or after the last."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        # The original repeats what came in.
        pass
    raise ValueError("write a time with its zone, from the year 1 to 9999, such as 2026-11-01T00:00:00Z")


Moment = Annotated[datetime, PlainValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


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
        since: Annotated[Moment | None, Query(description="Not before this time.")] = None,
        until: Annotated[Moment | None, Query(description="Before this time.")] = None,
        limit: Limit = 100,
        cursor: Annotated[str | None, Query(max_length=200, description="next_cursor of the page before.")] = None,
    ) -> Page[AuditEntry]:
        """Changes of configuration, wishes, secrets, rights, consent; newest first, also of bots that are gone."""
        found = await manager.trail.list(
            bot_id=bot, principal=principal, action=action, since=since, until=until, cursor=cursor, limit=limit
        )
        return Page(items=found, next_cursor=found[-1].cursor if len(found) == limit else None)

    return routes
