"""`hanfleet bench isolation`: how much slower one bot's transactions get while another, taken over, does its worst.

Both are on one server of their own. The attacker is a process that uses all the sessions that its role may have, lifts
its own limits and logs in again when it is thrown out. Each attack is measured twice: with nobody watching, between two
quiet times, so that a machine that grows slower meanwhile slows both; then half a minute from its beginning with the
supervisor's watches, which end sessions and at last the attacker. Its next start, and the next attack, are left out.
"""

import asyncio
import multiprocessing
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from statistics import median
from urllib.parse import parse_qs, urlsplit

from hanfleet.cli.benchmarks.figures import Figures
from hanfleet.cli.benchmarks.stocked import Say, Stock, stocked
from hanfleet.core.errors import HanfleetError
from hanfleet.core.messages import InboundMessage, Person, UpdateBatch
from hanfleet.kit.clock import SystemClock
from hanfleet.launchers.containment import uid_of
from hanfleet.launchers.process_table import node_name, ref_of
from hanfleet.sandbox.contacts.judge import percentile
from hanfleet.store.addresses import connect
from hanfleet.store.bot_sessions import BotSessions
from hanfleet.store.leases import lease_of
from hanfleet.store.principals import BotPrincipal
from hanfleet.store.provisioner import Provisioner
from hanfleet.store.session import Store
from hanfleet.supervisor.door_watch import DoorWatch
from hanfleet.supervisor.knocks import knocks_of
from hanfleet.supervisor.server_process import ServerProcesses
from hanfleet.supervisor.session_watch import SessionWatch
from hanfleet.supervisor.starter import SUPERVISOR

#: As often it logs in at the same time, where that is the attack. Of sessions its role may have one.
_LOG_INS = 2
_TIMEOUT_S = 60.0
_WATCHED_S = 30.0
#: Between two transactions, as between a busy bot's. Without it the watch would take the victim for a flood.
_PAUSE_S = 0.02
_AIM = "no other bot slowed by more than a quarter: watched ratio at most 1.25"
_LIFT = "SET statement_timeout = 0; SET work_mem = '1GB'"
_LOG_IN_AGAIN = ""
_KNOCK = "knock"
_KNOCKS_HELD = 40

#: 0.44 of a processor: what nobody is shut out for.
_PATIENT = """
    DO $$
    DECLARE began timestamptz := clock_timestamp();
    BEGIN
        WHILE clock_timestamp() < began + interval '0.22 s' LOOP PERFORM sqrt(1); END LOOP;
        PERFORM pg_sleep(0.28);
    END $$"""

ATTACKS = {
    "processor": "SELECT sum(sqrt(n)) FROM generate_series(1, 3000000) AS n",
    "processor, below the limits": _PATIENT,
    "memory and sorting": "SELECT count(*) FROM (SELECT n FROM generate_series(1, 999999) n ORDER BY random()) s",
    "inserts": "INSERT INTO metrics_data (bot_id, name, value, timestamp)"
    " SELECT my_bot(), 'flood', n, now() FROM generate_series(1, 20000) AS n",
    "small commits": "INSERT INTO metrics_data (bot_id, name, value, timestamp) VALUES (my_bot(), 'flood', 1, now())",
    "notifications": "SELECT pg_notify('hanfleet_desired', n::text) FROM generate_series(1, 5000) AS n",
    "locks on its own rows": "BEGIN; UPDATE bot_counters SET event_seq = event_seq; SELECT pg_sleep(0.2); ROLLBACK",
    "log-ins": _LOG_IN_AGAIN,
    "log-ins left unfinished": _KNOCK,
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
            await walk.times(lambda done: done < rounds // 4)
            for name, statement in ATTACKS.items():
                say(f"isolation: {name}")
                quiet = await walk.times(lambda done: done < rounds // 2)
                async with _under_attack((await roles.rotate(attacker)).url, statement, attacker):
                    loud = await walk.times(lambda done: done < rounds)
                quiet += await walk.times(lambda done: done < rounds - rounds // 2)
                url = (await roles.rotate(attacker)).url
                async with _watched(stock) as expulsion, _under_attack(url, statement, attacker) as process:
                    await expulsion.begin(attacker, process)
                    watched = await walk.times(partial(_goes_on, expulsion))
                rows.append(_row(name, quiet, loud, watched, expulsion.after_s))
        finally:
            await store.close()
    slow = [str(row["what"]) for row in rows if float(str(row["watched_ratio"])) > 1.25]
    return Figures("isolation", _AIM, rows, {"rounds": rounds, "above_1.25": ", ".join(slow) or "none"})


class _Walk:
    """One contact writes to the victim, some forty times a second."""

    def __init__(self, store: Store, bot_id: str, stock: Stock) -> None:
        self._store = store
        self._bot_id = bot_id
        self._chat_id = stock.chat(0, 0)
        self._telegram_id = stock.messages * 10

    async def times(self, more: Callable[[int], bool]) -> list[float]:
        """Milliseconds that each message took to be taken up and committed; ``more`` is told how many there are."""
        found: list[float] = []
        while more(len(found)):
            await asyncio.sleep(_PAUSE_S)
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


def _goes_on(expulsion: "_Expulsion", _done: int) -> bool:
    return expulsion.seconds() < _WATCHED_S


class _Expulsion:
    """What supervisor.expulsion does, to an attacker that claims no lease. ``store`` is connected already: under some
    attacks nobody else gets in.
    """

    def __init__(self, store: Store, sessions: BotSessions) -> None:
        self._store = store
        self._sessions = sessions
        self._attacker: SpawnProcess | None = None
        self._under_way = asyncio.Event()
        self._began = 0.0
        self.after_s: float | None = None

    async def begin(self, bot_id: str, attacker: SpawnProcess) -> None:
        """The attack is under way. Names the attacker as supervisor.starter does each worker: by that the watch of the
        door knows it where all workers have one uid.
        """
        self._attacker, self._began = attacker, time.monotonic()
        ref = ref_of(attacker.pid or 0, node_name())
        assert ref is not None
        async with self._store.transaction(SUPERVISOR) as tx:
            epoch = await tx.leases.grant(lease_of(bot_id), _TIMEOUT_S)
            await tx.leases.name_holder(lease_of(bot_id), epoch, ref)
        self._under_way.set()

    def seconds(self) -> float:
        """Since the attack began."""
        return time.monotonic() - self._began

    async def shut_out(self, bot_id: str) -> None:
        await self._under_way.wait()
        assert self._attacker is not None
        self._attacker.kill()
        await self._sessions.fence(bot_id)
        self.after_s = self.seconds()


@asynccontextmanager
async def _watched(stock: Stock) -> AsyncIterator[_Expulsion]:
    """The supervisor's watches, with the limits of a real fleet; as there, they are connected before all begins."""
    urls, clock = stock.installation.urls, SystemClock()
    store = Store(urls.supervisor, clock=clock, application_name="hanfleet bench")
    sessions = BotSessions(urls.provisioner)
    expulsion, processes = _Expulsion(store, sessions), ServerProcesses(stock.pid_file)
    door = DoorWatch(store, knocks_of(store, [_socket_of(urls.provisioner)]), expulsion.shut_out, clock)
    async with store.transaction(SUPERVISOR) as tx:
        await tx.bots.list()
    await sessions.open(waiting_s=1.0)
    watches = (SessionWatch(store, sessions, expulsion.shut_out, clock, processes=processes), door)
    watching = [asyncio.create_task(watch.run()) for watch in watches]
    try:
        yield expulsion
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await store.close()


@asynccontextmanager
async def _under_attack(url: str, statement: str, bot_id: str) -> AsyncIterator[SpawnProcess]:
    """From the attacker's first log-in on."""
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    attack = _knock if statement == _KNOCK else _attack
    attacker = context.Process(target=attack, args=(url, statement, bot_id, begun), daemon=True)
    attacker.start()
    try:
        if not await asyncio.to_thread(begun.wait, _TIMEOUT_S):
            raise HanfleetError("The attacker of this benchmark could not log in.")
        yield attacker
    finally:
        attacker.kill()
        attacker.join()
        attacker.close()


def _attack(url: str, statement: str, bot_id: str, begun: Event) -> None:
    """What the attacker's process does until it is killed."""
    _as_worker(bot_id)

    async def session() -> None:
        while True:
            with suppress(Exception):  # whatever ended it, an attacker tries again
                connection = await connect(url, "hanfleet bench", timeout_s=_TIMEOUT_S)
                try:
                    await connection.execute(_LIFT)
                    begun.set()
                    while statement:
                        await connection.execute(statement)
                finally:
                    connection.terminate()

    async def sessions() -> None:
        await asyncio.gather(*(session() for _ in range(1 if statement else _LOG_INS)))

    asyncio.run(sessions())


def _knock(url: str, _statement: str, bot_id: str, begun: Event) -> None:
    """Begins to log in, over and over, and never says a password."""
    _as_worker(bot_id)
    parts, path = urlsplit(url), _socket_of(url)
    wanted = f"user\0{parts.username}\0database\0{parts.path[1:]}\0\0".encode()
    # https://www.postgresql.org/docs/current/protocol-message-formats.html (StartupMessage)
    startup = struct.pack("!ii", len(wanted) + 8, 196608) + wanted
    held: list[socket.socket] = []
    while True:
        with suppress(OSError):
            held.append(socket.socket(socket.AF_UNIX))
            held[-1].connect(path)
            held[-1].send(startup)
        begun.set()
        if len(held) > _KNOCKS_HELD:
            held.pop(0).close()


def _as_worker(bot_id: str) -> None:
    """With the uid of its own that a worker has, where it has one."""
    if os.geteuid() == 0:
        os.setuid(uid_of(bot_id))


def _socket_of(url: str) -> str:
    """The server's unix socket; the one of this benchmark has no other address."""
    return parse_qs(urlsplit(url).query)["host"][0] + "/.s.PGSQL.5432"


def _row(
    name: str, quiet: list[float], loud: list[float], watched: list[float], shut_out_s: float | None
) -> dict[str, object]:
    return {
        "what": name,
        "quiet_ms": round(median(quiet), 2),
        "attacked_ms": round(median(loud), 2),
        "ratio": round(median(loud) / median(quiet), 2),
        "shut_out_after_s": None if shut_out_s is None else round(shut_out_s, 1),
        "watched_ms": round(median(watched), 2),
        "first_s_ratio": round(median(_first_second(watched)) / median(quiet), 2),
        "watched_ratio": round(median(watched) / median(quiet), 2),
        "watched_p95_ms": round(percentile(watched, 0.95), 2),
    }


def _first_second(taken_ms: list[float]) -> list[float]:
    """Those that were begun within a second, at least one: before the watch can have seen anything."""
    begun_s = accumulate((ms / 1000 + _PAUSE_S for ms in taken_ms), initial=0.0)
    return [ms for ms, at_s in zip(taken_ms, begun_s, strict=False) if at_s < 1]
