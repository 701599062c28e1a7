"""Reading chats from their history: for user accounts only, to bridge a gap in the update log and to look up a send."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from telethon.tl import functions, types

from hanfleet.core.errors import TemporaryError
from hanfleet.core.messages import InboundMessage
from hanfleet.transports.telegram.client import FleetClient
from hanfleet.transports.telegram.conversion import message_of, people_in

PAGE = 100
#: Dates are whole seconds and clocks differ; what is read twice is stored once.
_MARGIN = timedelta(minutes=1)

Wait = Callable[[float | None], Awaitable[None]]


async def history(client: FleetClient, peer: Any, limit: int, *, before: int = 0) -> list[InboundMessage]:
    """The newest ``limit`` messages with an id below ``before`` (0: all), oldest first. Raises as `FleetClient.ask`."""
    page, _oldest = await _page(client, peer, limit, before)
    return page


async def messages_since(client: FleetClient, since: datetime, *, wait: Wait) -> AsyncIterator[list[InboundMessage]]:
    """Chat by chat, everything newer than ``since``, oldest first. ``wait`` is awaited before each repeat."""
    async for peer in _chats_since(client, since - _MARGIN, wait):
        found: list[InboundMessage] = []
        before = 0
        while True:
            page, oldest = await _until_answered(partial(_page, client, peer, PAGE, before), wait)
            found[:0] = [message for message in page if message.sent_at >= since - _MARGIN]
            if oldest is None or oldest.date < since - _MARGIN:
                break
            before = oldest.id
        if found:
            yield found


async def meet_dialogs(client: FleetClient) -> None:
    """Learn the hashes of the people in the newest chats."""
    await client.ask(_dialogs_request(None, 0, types.InputPeerEmpty()))


async def _page(client: FleetClient, peer: Any, limit: int, before: int) -> tuple[list[InboundMessage], Any]:
    """A page as core messages, oldest first, and Telegram's own oldest message (None at the beginning of the chat)."""
    answer = await client.ask(
        functions.messages.GetHistoryRequest(
            peer=peer,
            offset_id=before,
            offset_date=None,
            add_offset=0,
            limit=min(limit, PAGE),
            max_id=0,
            min_id=0,
            hash=0,
        )
    )
    users = {user.id: user for user in answer.users}
    people = people_in(users, client.session.person, client._mb_entity_cache.self_id)  # noqa: SLF001
    converted = (message_of(message, people) for message in reversed(answer.messages))
    dated = [message for message in answer.messages if getattr(message, "date", None)]
    return [message for message in converted if message], dated[-1] if dated else None


async def _chats_since(client: FleetClient, since: datetime, wait: Wait) -> AsyncIterator[Any]:
    """The private chats whose newest message is not older than ``since``."""
    offset: tuple[Any, int, Any] = (None, 0, types.InputPeerEmpty())
    seen: set[int] = set()
    while True:
        answer = await _until_answered(partial(client.ask, _dialogs_request(*offset)), wait)
        tops = {(_user_id(m), m.id): m for m in answer.messages if _user_id(m) and getattr(m, "date", None)}
        newest_of_page = None
        for dialog in answer.dialogs:
            user_id = getattr(dialog.peer, "user_id", None)
            top = tops.get((user_id, dialog.top_message))
            if user_id is None or top is None or user_id in seen:
                continue
            seen.add(user_id)
            newest_of_page = top
            if top.date >= since and (peer := client.session.input_peer(user_id)):
                yield peer
        if not isinstance(answer, types.messages.DialogsSlice) or newest_of_page is None:
            return
        last_peer = client.session.input_peer(_user_id(newest_of_page) or 0) or types.InputPeerEmpty()
        if newest_of_page.date < since:
            return
        offset = (newest_of_page.date, newest_of_page.id, last_peer)


def _user_id(message: Any) -> int | None:
    return getattr(getattr(message, "peer_id", None), "user_id", None)


def _dialogs_request(date: Any, message_id: int, peer: Any) -> Any:
    return functions.messages.GetDialogsRequest(
        offset_date=date, offset_id=message_id, offset_peer=peer, limit=PAGE, hash=0
    )


async def _until_answered(ask: Callable[[], Awaitable[Any]], wait: Wait) -> Any:
    while True:
        try:
            return await ask()
        except TemporaryError as busy:
            await wait(busy.retry_after)
