"""`hanfleet bench store`: what row level security costs each query of the product, how fast rows come in, and what
sealing adds to the message path; all in one run, on one server, with a million messages in it.

With and without are the same role, session and statements: policies are switched off and on again for blocks of
rounds (with, without, without, with), so that a machine that grows slower meanwhile slows both.
"""

import asyncio
import os
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median
from typing import Any

from hanfleet.cli.benchmarks import store_queries as queries
from hanfleet.cli.benchmarks.figures import Figures
from hanfleet.cli.benchmarks.inserts import insert_rates
from hanfleet.cli.benchmarks.stocked import CONTACTS, Say, Stock, stocked, text_of
from hanfleet.cli.benchmarks.store_queries import OF_BOTS, OF_OPERATORS, OF_RELAY, PATH, SEARCHES, Place, Query
from hanfleet.kit.clock import SystemClock
from hanfleet.kit.identity import new_id
from hanfleet.sandbox.contacts.judge import percentile
from hanfleet.store.addresses import connect
from hanfleet.store.principals import BotPrincipal, OperatorPrincipal, Principal, SystemPrincipal
from hanfleet.store.provisioner import Provisioner
from hanfleet.store.session import Store, Transaction
from hanfleet.store.texts import Texts, text_field
from hanfleet.vault.cipher import KEY_BYTES, Cipher

_ASKING_BOTS = 5
_BLOCKS = (True, False, False, True) * 2
# A statement's plan is thrown away when a policy comes or goes, and the API's role makes five before it settles.
_WARM_UP = 6
_NAMES_FROM = 100_000_000
_SEALS = 2_000
_OPERATOR = OperatorPrincipal("owner")
_RELAY = SystemPrincipal("relay")
_WHOLE = "path: all five, with their commits"
_AIM = (
    "with row level security at most 1.1 times the time without; p95 below 5 ms, of everything below 100 ms at 10 GB;"
    " sealing below 2 % of the message path"
)

_TABLES = """
    SELECT relname::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relrowsecurity AND NOT relispartition"""


@dataclass
class Clocked:
    """Milliseconds by query: under policies, and without."""

    times: dict[bool, dict[str, list[float]]] = field(
        default_factory=lambda: {True: defaultdict(list), False: defaultdict(list)}
    )

    async def time(self, name: str, policies: bool, work: Awaitable[Any]) -> Any:
        began = time.perf_counter()
        result = await work
        self.times[policies][name].append((time.perf_counter() - began) * 1000)
        return result


async def bench_store(messages: int, bots: int, rounds: int, say: Say) -> Figures:
    """``rounds`` of every query with policies and as many without. Raises HanfleetError when no server comes up."""
    async with stocked(messages, bots, say) as stock, asking_of(stock) as asking:
        size = await asking.admin.fetchval("SELECT pg_database_size(current_database())")
        clocked = await asking.rounds(rounds, say)
        say("store: inserting")
        rates = await insert_rates(stock, asking.stores)
    path_ms = median(clocked.times[True][_WHOLE])
    rows = [_row(name, clocked) for name in (*OF_BOTS, *OF_OPERATORS, *OF_RELAY, *PATH, _WHOLE, *SEARCHES)]
    rows += [{**dict.fromkeys(rows[0]), "what": what, "per_second": rate} for what, rate in rates.items()]
    slow = [row["what"] for row in rows if (row["ratio"] or 0) > 1.1 and row["what"] not in SEARCHES]
    return Figures(
        "store",
        _AIM,
        rows,
        {
            "messages": messages,
            "bots": bots,
            "contacts": bots * CONTACTS,
            "rounds": rounds,
            "database_gb": round(size / 1e9, 2),
            "filled_in_s": round(stock.filled_in_s, 1),
            "above_1.1": ", ".join(slow) or "none",
            **_sealing(path_ms),
        },
    )


@dataclass
class Asking:
    """The sessions that ask: some bots', the API's, the relay's, and the administrator's, which switches policies."""

    stock: Stock
    stores: dict[str, Store]
    api: Store
    relay: Store
    admin: Any
    secured: list[str]
    telegram_id: int = _NAMES_FROM
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - which chat comes next

    async def rounds(self, rounds: int, say: Say) -> Clocked:
        clocked, unclocked = Clocked(), Clocked()
        each = max(1, rounds // _BLOCKS.count(True))
        try:
            for number, policies in enumerate(_BLOCKS, 1):
                await self.switch(on=policies)
                for _ in range(_WARM_UP * len(self.stores)):
                    await self.round(unclocked, policies=policies)
                for done in range(each):
                    if done % 50 == 0:
                        say(f"store: block {number} of {len(_BLOCKS)}, round {done} of {each}")
                    await self.round(clocked, policies=policies)
        finally:
            await self.switch(on=True)
        return clocked

    async def switch(self, *, on: bool) -> None:
        for table in self.secured:
            await self.admin.execute(f'ALTER TABLE "{table}" {"ENABLE" if on else "DISABLE"} ROW LEVEL SECURITY')

    async def round(self, clocked: Clocked, *, policies: bool) -> None:
        place = self._place()
        store, bot = self.stores[place.bot_id], BotPrincipal(place.bot_id)
        await self._ask(clocked, store, bot, OF_BOTS, place, policies=policies)
        await self._ask(clocked, self.api, _OPERATOR, OF_OPERATORS, place, policies=policies)
        await self._ask(clocked, self.relay, _RELAY, OF_RELAY, place, policies=policies)
        await self._ask(clocked, self.api, _OPERATOR, SEARCHES, place, policies=policies)
        began = time.perf_counter()
        await self._walk(clocked, store, bot, place, policies=policies)
        clocked.times[policies][_WHOLE].append((time.perf_counter() - began) * 1000)

    async def _ask(
        self,
        clocked: Clocked,
        store: Store,
        principal: Principal,
        asked: dict[str, Query],
        place: Place,
        *,
        policies: bool,
    ) -> None:
        for name, query in asked.items():
            async with store.transaction(principal) as tx:
                # Opens the transaction, so that its BEGIN is nobody's time; who has a name to give has done so.
                if not principal.setting:
                    await tx.schema.check()
                await clocked.time(name, policies, query(tx, place))

    async def _walk(
        self, clocked: Clocked, store: Store, principal: BotPrincipal, place: Place, *, policies: bool
    ) -> None:
        take, load, commit, begin, sent = PATH
        self.telegram_id += 2
        newest = self.telegram_id

        async def step(name: str, work: Callable[[Transaction], Awaitable[Any]]) -> Any:
            async with store.transaction(principal) as tx:
                await tx.schema.check()
                return await clocked.time(name, policies, work(tx))

        bot_id, batch = place.bot_id, queries.batch(place, range(newest, newest + 1))
        await step(take, lambda tx: tx.inbox.take(bot_id, batch, place.now, 0.0, queries.clear))
        await step(load, lambda tx: tx.conversations.load_turn(bot_id, place.chat_id, queries.HISTORY))
        await step(commit, lambda tx: tx.turns.commit(bot_id, queries.decision(place, newest)))
        later = replace(place, now=SystemClock().now())
        row = await step(begin, lambda tx: queries.begin(tx, later))
        await step(sent, lambda tx: tx.outbox.mark_sent(bot_id, row.id, newest + 1, later.now))

    def _place(self) -> Place:
        bots = len(self.stock.bots)
        bot = self.chance.randrange(len(self.stores))
        turn = self.chance.randrange(self.stock.messages // bots)
        number, chat_id = turn * bots + bot, self.stock.chat(bot, turn % CONTACTS)
        message_id, now = self.stock.message_id(number), SystemClock().now()
        return Place(self.stock.bots[bot], chat_id, message_id, number, turn + 1, now)


@asynccontextmanager
async def asking_of(stock: Stock) -> AsyncIterator[Asking]:
    clock = SystemClock()
    roles = Provisioner(stock.installation.urls.provisioner)
    stores = {
        bot_id: Store((await roles.rotate(bot_id)).url, clock=clock, application_name="hanfleet bench")
        for bot_id in stock.bots[:_ASKING_BOTS]
    }
    api = Store(stock.installation.urls.api, clock=clock, application_name="hanfleet bench")
    relay = Store(stock.installation.urls.relay, clock=clock, application_name="hanfleet bench")
    admin = await connect(stock.admin_url, "hanfleet bench")
    try:
        secured = [row["relname"] for row in await admin.fetch(_TABLES)]
        yield Asking(stock, stores, api, relay, admin, secured)
    finally:
        await asyncio.gather(*(store.close() for store in (*stores.values(), api, relay)))
        await admin.close(timeout=5)


def _row(name: str, clocked: Clocked) -> dict[str, Any]:
    with_, without = clocked.times[True][name], clocked.times[False][name]
    return {
        "what": name,
        "p50_ms": round(median(with_), 2),
        "p95_ms": _p95(with_),
        "without_p50_ms": round(median(without), 2),
        "without_p95_ms": _p95(without),
        "ratio": round(median(with_) / median(without), 2),
        "per_second": None,
    }


def _p95(times: list[float]) -> float:
    return round(percentile(times, 0.95), 2)


def _sealing(path_ms: float) -> dict[str, Any]:
    """What sealed texts add to one message: it and the answer are sealed, both and the history are opened."""
    cipher, bot_id = Cipher(os.urandom(KEY_BYTES)), "bench-000"
    texts = Texts(partial(cipher.seal, bot_id), partial(cipher.open, bot_id), sealing=True)
    said = [(text_field(new_id()), text_of(number)) for number in range(_SEALS)]
    began = time.perf_counter()
    kept = [(name, texts.keep(name, text).sealed or "") for name, text in said]
    seal_ms = (time.perf_counter() - began) * 1000 / _SEALS
    stored = [(name, bytes.fromhex(sealed)) for name, sealed in kept]
    began = time.perf_counter()
    for name, sealed in stored:
        texts.read(name, "", sealed)
    open_ms = (time.perf_counter() - began) * 1000 / _SEALS
    share = (2 * seal_ms + (queries.HISTORY + 2) * open_ms) / path_ms
    return {
        "seal_us": round(seal_ms * 1000, 1),
        "open_us": round(open_ms * 1000, 1),
        "sealing_share_of_path": f"{share:.2%} (2 seals, {queries.HISTORY + 2} opens)",
    }
