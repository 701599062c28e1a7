"""`hanfleet bench isolation`: how much slower one bot's transactions get while another, taken over, does its worst.

Both are on one server of their own. The attacker uses all the sessions that its role may have and lifts its own limits;
each attack is measured between two quiet times, so that a machine that grows slower meanwhile slows both. Nobody is
ended here: what the supervisor's watch does against the longer ones comes on top.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from statistics import median

from hanfleet.cli.benchmarks.figures import Figures
from hanfleet.cli.benchmarks.stocked import Say, Stock, stocked
from hanfleet.core.messages import InboundMessage, Person, UpdateBatch
from hanfleet.kit.clock import SystemClock
from hanfleet.sandbox.contacts.judge import percentile
from hanfleet.store.addresses import connect
from hanfleet.store.principals import BotPrincipal
from hanfleet.store.provisioner import Provisioner
from hanfleet.store.session import Store

_SESSIONS = 2
_AIM = "no other bot slowed by more than a quarter: ratio at most 1.25"
_LIFT = "SET statement_timeout = 0; SET work_mem = '1GB'"

ATTACKS = {
    "processor": "SELECT sum(sqrt(n)) FROM generate_series(1, 3000000) AS n",
    "memory and sorting": "SELECT count(*) FROM (SELECT n FROM generate_series(1, 999999) n ORDER BY random()) s",
    "inserts": "INSERT INTO metrics_data (bot_id, name, value, timestamp)"
    " SELECT my_bot(), 'flood', n, now() FROM generate_series(1, 20000) AS n",
    "notifications": "SELECT pg_notify('hanfleet_desired', n::text) FROM generate_series(1, 5000) AS n",
    "locks on its own rows": "BEGIN; UPDATE bot_counters SET event_seq = event_seq; SELECT pg_sleep(0.2); ROLLBACK",
}


async def bench_isolation(rounds: int, say: Say) -> Figures:
    """``rounds`` transactions under each attack and as many in the quiet around it. Raises HanfleetError."""
    rows = []
    async with stocked(20_000, 2, say) as stock:
        victim, attacker = stock.bots
        roles = Provisioner(stock.installation.urls.provisioner)
        store = Store((await roles.rotate(victim)).url, clock=SystemClock(), application_name="hanfleet bench")
        try:
            walk = _Walk(store, victim, stock)
            await walk.times(rounds // 4)
            url = (await roles.rotate(attacker)).url
            for name, statement in ATTACKS.items():
                say(f"isolation: {name}")
                quiet = await walk.times(rounds // 2)
                async with _under_attack(url, statement):
                    loud = await walk.times(rounds)
                quiet += await walk.times(rounds - rounds // 2)
                rows.append(_row(name, quiet, loud))
        finally:
            await store.close()
    slow = [str(row["what"]) for row in rows if float(str(row["ratio"])) > 1.25]
    return Figures("isolation", _AIM, rows, {"rounds": rounds, "above_1.25": ", ".join(slow) or "none"})


class _Walk:
    """One contact writes to the victim, over and over."""

    def __init__(self, store: Store, bot_id: str, stock: Stock) -> None:
        self._store = store
        self._bot_id = bot_id
        self._chat_id = stock.chat(0, 0)
        self._telegram_id = stock.messages * 10

    async def times(self, rounds: int) -> list[float]:
        """Milliseconds that each message took to be taken up and committed."""
        found = []
        for _ in range(rounds):
            self._telegram_id += 1
            now = datetime.now(UTC)
            message = InboundMessage(
                self._chat_id, self._telegram_id, "and how are you?", now, Person(self._chat_id, "Ann")
            )
            began = time.perf_counter()
            async with self._store.transaction(BotPrincipal(self._bot_id)) as tx:
                await tx.inbox.take(self._bot_id, UpdateBatch(None, (message,)), now, 0, _unsealed)
            found.append((time.perf_counter() - began) * 1000)
        return found


def _unsealed(_field: str, content: bytes) -> bytes:
    return content


@asynccontextmanager
async def _under_attack(url: str, statement: str) -> AsyncIterator[None]:
    async def attack() -> None:
        connection = await connect(url, "hanfleet bench", timeout_s=60)
        try:
            await connection.execute(_LIFT)
            while True:
                await connection.execute(statement)
        finally:
            connection.terminate()

    attacks = [asyncio.create_task(attack()) for _ in range(_SESSIONS)]
    try:
        yield
    finally:
        for task in attacks:
            task.cancel()
        await asyncio.gather(*attacks, return_exceptions=True)


def _row(name: str, quiet: list[float], loud: list[float]) -> dict[str, object]:
    return {
        "what": name,
        "quiet_ms": round(median(quiet), 2),
        "attacked_ms": round(median(loud), 2),
        "ratio": round(median(loud) / median(quiet), 2),
        "attacked_p95_ms": round(percentile(loud, 0.95), 2),
    }
