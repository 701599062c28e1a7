"""What a bot has left behind: its log, its outbox, its messages by their words."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from hanfleet.api.routes.bots import BotIdPath, Limit
from hanfleet.api.schemas import FoundMessage, Logs, OutboxItem, Page
from hanfleet.control import MultiBotManager
from hanfleet.control.logs import last_lines, lines_after


def router(manager: MultiBotManager) -> APIRouter:
    routes = APIRouter(prefix="/bots/{bot_id}", tags=["records"])

    @routes.get("/logs", operation_id="get_bot_logs")
    async def logs(
        bot_id: BotIdPath,
        lines: Annotated[int, Query(ge=0, le=5000, description="How many of the last lines.")] = 100,
        after: Annotated[int | None, Query(ge=0, description="Instead: what came after this position.")] = None,
    ) -> Logs:
        """The worker's log: JSON objects, one a line."""
        path = await manager.log_path(bot_id)
        page = await asyncio.to_thread(*((last_lines, path, lines) if after is None else (lines_after, path, after)))
        return Logs(lines=list(page.lines), position=page.position)

    @routes.get("/outbox", operation_id="list_outbox")
    async def outbox(
        bot_id: BotIdPath,
        limit: Limit = 100,
        cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,18}$", description="next_cursor.")] = None,
    ) -> Page[OutboxItem]:
        """What the bot decided to send, oldest first, with its planned waits."""
        rows = await manager.outbox(bot_id, after=int(cursor or 0), limit=limit)
        return Page(
            items=[OutboxItem.of(row) for row in rows],
            next_cursor=str(rows[-1].position) if len(rows) == limit else None,
        )

    @routes.get("/messages/search", operation_id="search_messages")
    async def search(
        bot_id: BotIdPath,
        q: Annotated[str, Query(min_length=1, max_length=500, description='Words; "a phrase", or, -without.')],
        limit: Limit = 50,
        cursor: Annotated[UUID | None, Query(description="next_cursor of the page before.")] = None,
    ) -> Page[FoundMessage]:
        """Messages with all of these words, English or Russian, the newest first. 409 for a bot that encrypts them."""
        rows = await manager.search(bot_id, q, limit=limit, before=cursor)
        return Page(
            items=[FoundMessage.of(row) for row in rows],
            next_cursor=str(rows[-1].id) if len(rows) == limit else None,
        )

    return routes
