"""How fast messages get in, for `hanfleet bench store`: through the inbox, in bulk, and beside both a bare COPY.

The bare COPY goes into a table without index, partition, key or policy: what the server can do at best.
"""

import asyncio
import time
import uuid
from collections.abc import Mapping
from statistics import median
from typing import Any

from hanfleet.cli.benchmarks import store_queries as queries
from hanfleet.cli.benchmarks.stocked import Stock, text_of
from hanfleet.core.messages import Author, Direction, MediaKind
from hanfleet.kit.clock import SystemClock
from hanfleet.store.addresses import connect
from hanfleet.store.imported import ImportedMessage
from hanfleet.store.principals import BotPrincipal, SystemPrincipal
from hanfleet.store.session import Store

_FOR_S = 3.0
_ROWS = 50_000
_ROUNDS = 3
_COLUMNS = ("bot_id", "id", "chat_id", "direction", "author", "text", "media", "sent_at", "created_at")
_IDS_FROM = 200_000_000


async def insert_rates(stock: Stock, stores: Mapping[str, Store]) -> dict[str, int]:
    """Messages per second, by way in."""
    first = dict(list(stores.items())[:1])
    rates = {
        "inserts: inbox, one bot, a commit each": await _inbox(stock, first, 1, 0),
        f"inserts: inbox, {len(stores)} bots at once": await _inbox(stock, stores, 1, 1),
        "inserts: inbox, one bot, 50 a commit": await _inbox(stock, first, 50, 2),
    }
    bulk: list[float] = []
    bare: list[float] = []
    for number in range(_ROUNDS):
        rows = _rows(number)
        bulk.append(_ROWS / await _bulk(stock, rows))
        bare.append(_ROWS / await _bare(stock, rows))
    return {
        **rates,
        "inserts: bulk, as an import": round(median(bulk)),
        "inserts: bare COPY": round(median(bare)),
    }


async def _inbox(stock: Stock, stores: Mapping[str, Store], at_once: int, run: int) -> int:
    clock = SystemClock()
    began = time.perf_counter()

    async def take(bot: int, bot_id: str, store: Store) -> int:
        taken = 0
        while time.perf_counter() - began < _FOR_S:
            number = _IDS_FROM * (run + 1) + taken
            place = queries.Place(bot_id, stock.chat(bot, taken % 100), stock.message_id(bot), bot, 1, clock.now())
            async with store.transaction(BotPrincipal(bot_id)) as tx:
                batch = queries.batch(place, range(number, number + at_once))
                await tx.inbox.take(bot_id, batch, place.now, 60.0, queries.clear)
            taken += at_once
        return taken

    counts = await asyncio.gather(*(take(bot, bot_id, store) for bot, (bot_id, store) in enumerate(stores.items())))
    return round(sum(counts) / (time.perf_counter() - began))


def _rows(number: int) -> list[ImportedMessage]:
    now = SystemClock().now()
    ids = (uuid.UUID(int=number * _ROWS + place + 1) for place in range(_ROWS))
    return [
        ImportedMessage(id_, Direction.IN, Author.CONTACT, text_of(place), MediaKind.NONE, now, now)
        for place, id_ in enumerate(ids)
    ]


async def _bulk(stock: Stock, rows: list[ImportedMessage]) -> float:
    """Seconds through the importer's own method, foreign keys and all. Taken back, so each round meets the same."""
    store = Store(
        stock.installation.urls.owner, clock=SystemClock(), application_name="hanfleet bench", statement_timeout_s=120
    )
    bot_id, chat_id = stock.bots[-1], stock.chat(len(stock.bots) - 1, 0)
    try:
        async with store.transaction(SystemPrincipal("bench")) as tx:
            began = time.perf_counter()
            await tx.imports.copy_messages(bot_id, [(chat_id, row) for row in rows])
            took = time.perf_counter() - began
            await tx.imports.drop_messages(bot_id, chat_id)
        return took
    finally:
        await store.close()


async def _bare(stock: Stock, rows: list[ImportedMessage]) -> float:
    connection: Any = await connect(stock.admin_url, "hanfleet bench", timeout_s=120)
    try:
        await connection.execute("CREATE TEMP TABLE bare AS SELECT * FROM messages LIMIT 0")
        records = [
            (stock.bots[-1], m.id, 1, m.direction, m.author, m.text, m.media, m.sent_at, m.created_at) for m in rows
        ]
        began = time.perf_counter()
        await connection.copy_records_to_table("bare", records=records, columns=_COLUMNS)
        return time.perf_counter() - began
    finally:
        await connection.close(timeout=5)
