"""/api/bots/{bot_id}/contacts: who talks to a bot; all that is held about one; erasing one."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from hanfleet.api.routes.bots import BotIdPath, Limit
from hanfleet.api.schemas import Page
from hanfleet.control import ContactInfo, Erasure, MultiBotManager

ChatIdPath = Annotated[
    int, Path(ge=-(2**63), lt=2**63, description="The contact's chat id, as the list gives it.", examples=[124651738])
]


def router(manager: MultiBotManager) -> APIRouter:
    routes = APIRouter(prefix="/bots/{bot_id}/contacts", tags=["contacts"])

    @routes.get("", operation_id="list_contacts")
    async def list_contacts(
        bot_id: BotIdPath,
        limit: Limit = 100,
        cursor: Annotated[str | None, Query(pattern=r"^-?[0-9]{1,18}$", description="next_cursor.")] = None,
    ) -> Page[ContactInfo]:
        """A bot's contacts, by chat id."""
        after = None if cursor is None else int(cursor)
        found = await manager.contacts.list(bot_id, after=after, limit=limit)
        return Page(items=found, next_cursor=str(found[-1].chat_id) if len(found) == limit else None)

    @routes.get("/{chat_id}/export", operation_id="export_contact")
    async def export_contact(bot_id: BotIdPath, chat_id: ChatIdPath) -> dict[str, Any]:
        """Everything held about a contact, in clear, as one document."""
        return await manager.contacts.export(bot_id, chat_id)

    @routes.delete("/{chat_id}", operation_id="erase_contact")
    async def erase_contact(bot_id: BotIdPath, chat_id: ChatIdPath) -> Erasure:
        """Erase a contact everywhere. There is no way back; a restored backup does not bring it back either."""
        return await manager.contacts.erase(bot_id, chat_id)

    return routes
