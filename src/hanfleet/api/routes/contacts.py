"""/api/bots/{bot_id}/contacts: who talks to a bot; all that is held about one; erasing one."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from hanfleet.api.routes.bots import BotIdPath, Limit
from hanfleet.api.schemas import Page
from hanfleet.control import ContactInfo, Erasure, MultiBotManager

ChatIdPath = Annotated[
    int, Path(ge=-(2**63), lt=2**63, description="The contact's chat id, as the list gives it.", examples=[124651738])
]


class _Document(StreamingResponse):
    """JSON in pieces; where they come from is closed at once when the client goes."""

    def __init__(self, first: str, rest: AsyncGenerator[str, None]) -> None:
        super().__init__(_all(first, rest), media_type="application/json")
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._rest.aclose()


async def _all(first: str, rest: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    yield first
    async for piece in rest:
        yield piece


def router(manager: MultiBotManager) -> APIRouter:
    routes = APIRouter(prefix="/bots/{bot_id}/contacts", tags=["contacts"])

    @routes.get("", operation_id="list_contacts")
    async def list_contacts(
        bot_id: BotIdPath,
        limit: Limit = 100,
        cursor: Annotated[int | None, Query(ge=-(2**63), lt=2**63, description="next_cursor.")] = None,
    ) -> Page[ContactInfo]:
        """A bot's contacts, by chat id."""
        found = await manager.contacts.list(bot_id, after=cursor, limit=limit)
        return Page(items=found, next_cursor=str(found[-1].chat_id) if len(found) == limit else None)

    @routes.get("/{chat_id}/export", operation_id="export_contact")
    async def export_contact(bot_id: BotIdPath, chat_id: ChatIdPath) -> StreamingResponse:
        """Everything held about a contact, in clear, as one document. An answer that breaks off is not whole."""
        pieces = manager.contacts.export(bot_id, chat_id)
        return _Document(await anext(pieces), pieces)

    @routes.delete("/{chat_id}", operation_id="erase_contact")
    async def erase_contact(bot_id: BotIdPath, chat_id: ChatIdPath) -> Erasure:
        """Erase a contact everywhere. There is no way back; a restored backup does not bring it back either."""
        return await manager.contacts.erase(bot_id, chat_id)

    return routes
