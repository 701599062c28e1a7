"""/api/bots: the life of bots. What takes time answers 202: it is written down, and the status tells the rest."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from hanfleet.api.errors import responses
from hanfleet.api.schemas import Accepted, Configured, Page
from hanfleet.control import BotDetails, BotInfo, BotStatus, BotUpdate, MultiBotManager
from hanfleet.core.config import BotConfig

BotIdPath = Annotated[str, Path(description="The bot's id.", examples=["mira"])]
Limit = Annotated[int, Query(ge=1, le=500, description="The most items on a page.")]


def router(manager: MultiBotManager) -> APIRouter:
    routes = APIRouter(prefix="/bots", tags=["bots"])

    @routes.post(
        "", status_code=HTTPStatus.CREATED, operation_id="add_bot", responses=responses(HTTPStatus.BAD_REQUEST)
    )
    async def add_bot(
        config: BotConfig,
        response: Response,
        start: Annotated[bool, Query(description="Start it at once.")] = True,
    ) -> BotDetails:
        """Add a bot. Its id makes a repeated request harmless: the second one is refused with 409."""
        bot_id = await manager.register_bot(config, start=start)
        response.headers["Location"] = f"/api/bots/{bot_id}"
        return await manager.get_bot(bot_id)

    @routes.get("", operation_id="list_bots")
    async def list_bots(
        limit: Limit = 100,
        cursor: Annotated[str | None, Query(max_length=50, description="next_cursor of the page before.")] = None,
        removed: Annotated[bool, Query(description="Removed bots too.")] = False,
    ) -> Page[BotInfo]:
        """All bots, by id."""
        bots = [bot for bot in await manager.list_bots(removed=removed) if cursor is None or bot.bot_id > cursor]
        return Page(items=bots[:limit], next_cursor=bots[limit - 1].bot_id if len(bots) > limit else None)

    @routes.get("/{bot_id}", operation_id="get_bot")
    async def get_bot(bot_id: BotIdPath) -> BotDetails:
        """A bot with its configuration; of its secrets only the names."""
        return await manager.get_bot(bot_id)

    @routes.put("/{bot_id}", operation_id="configure_bot", responses=responses(HTTPStatus.BAD_REQUEST))
    async def configure_bot(
        bot_id: BotIdPath,
        update: BotUpdate,
        version: Annotated[
            int | None,
            Query(
                ge=0,
                lt=2**31,
                description="The config_version that you read: refused with 409 when it is no longer that.",
            ),
        ] = None,
    ) -> Configured:
        """Replace the configuration. Secrets that are left out stay as they are; null takes one away."""
        applied = await manager.configure(bot_id, update, version=version)
        bot = await manager.get_bot(bot_id)
        return Configured(bot_id=bot_id, config_version=bot.config_version, applied=applied)

    @routes.delete("/{bot_id}", status_code=HTTPStatus.ACCEPTED, operation_id="remove_bot")
    async def remove_bot(
        bot_id: BotIdPath,
        erase: Annotated[bool, Query(description="Delete every row of it, too. There is no way back.")] = False,
    ) -> Accepted:
        """Stop a bot for good; its data is kept unless it is erased."""
        return Accepted(bot_id=bot_id, accepted=await manager.remove_bot(bot_id, erase=erase))

    @routes.get("/{bot_id}/status", operation_id="get_bot_status")
    async def get_bot_status(bot_id: BotIdPath) -> BotStatus:
        """What a bot does right now."""
        return await manager.get_bot_status(bot_id)

    @routes.post("/{bot_id}/start", status_code=HTTPStatus.ACCEPTED, operation_id="start_bot")
    async def start_bot(bot_id: BotIdPath) -> Accepted:
        """Want a bot running."""
        return Accepted(bot_id=bot_id, accepted=await manager.start_bot(bot_id))

    @routes.post("/{bot_id}/stop", status_code=HTTPStatus.ACCEPTED, operation_id="stop_bot")
    async def stop_bot(bot_id: BotIdPath) -> Accepted:
        """Want a bot stopped: it finishes what it is sending and leaves Telegram."""
        return Accepted(bot_id=bot_id, accepted=await manager.stop_bot(bot_id))

    @routes.post("/{bot_id}/restart", status_code=HTTPStatus.ACCEPTED, operation_id="restart_bot")
    async def restart_bot(bot_id: BotIdPath) -> Accepted:
        """Have a bot's worker replaced by a fresh one."""
        return Accepted(bot_id=bot_id, accepted=await manager.restart_bot(bot_id))

    return routes
