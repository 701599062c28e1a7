"""The supervisor's watch against hostile sessions: what holds others up, or takes too long or too much, is ended."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import pytest
from asyncpg.exceptions import InterfaceError, InvalidAuthorizationSpecificationError, PostgresError

from hanfleet.core.errors import PermanentError, StoreUnavailableError
from hanfleet.kit.clock import Clock, ManualClock, SystemClock
from hanfleet.store import provisioner
from hanfleet.store.bot_sessions import BotSession, BotSessions
from hanfleet.supervisor.expulsion import ShutOut
from hanfleet.supervisor.server_process import ServerProcesses
from hanfleet.supervisor.session_watch import SessionWatch, WatchLimits
from tests.support.database import SYSTEM, BotLogIn, Database
from tests.support.slow_login import SlowLogIn
from tests.support.waiting import eventually

LIMITS = WatchLimits(statement_s=0.3, transaction_s=0.6, holds_up_s=0.1, memory_mb=64)
#: With these every attack goes on.
LIFTED = WatchLimits(
    statement_s=inf, transaction_s=inf, holds_up_s=1e6, memory_mb=inf, processor_s=inf, logins=1_000_000, written_mb=inf
)


@dataclass
class Case:
    database: Database
    mallory: BotLogIn
    raw: Any
    sessions: BotSessions
    processes: ServerProcesses

    def watch(
        self, limits: WatchLimits = LIMITS, *, shut_out: ShutOut | None = None, clock: Clock | None = None
    ) -> SessionWatch:
        return SessionWatch(
            self.database.supervisor,
            self.sessions,
            shut_out or self.sessions.fence,
            clock or SystemClock(),
            processes=self.processes,
            limits=limits,
        )

    def alone(self, limits: WatchLimits) -> Callable[[], Awaitable[int]]:
        """A look of a watch with ``limits``, beside one that has none and must see nothing: so it is these."""
        watch, lifted = self.watch(limits), self.watch(LIFTED)

        async def look() -> int:
            assert await lifted.look() == 0
            return await watch.look()

        return look

    async def session(self) -> BotSession:
        """Mallory's only one."""
        [session] = await self.sessions.open(waiting_s=LIMITS.holds_up_s)
        return session

    async def reasons(self) -> list[str]:
        async with self.database.supervisor.transaction(SYSTEM) as tx:
            events = await tx.events.list(bot_id="mallory", type="error.database.session_ended")
        return [event.data["reason"] for event in events]


@pytest.fixture
async def case(database: Database) -> AsyncIterator[Case]:
    mallory = await database.add_bot("mallory")
    sessions = BotSessions(database.urls.provisioner)
    admin = await database.connect()
    pid_file = Path(await admin.fetchval("SHOW data_directory")) / "postmaster.pid"
    yield Case(database, mallory, await database.connect(mallory.url), sessions, ServerProcesses(pid_file))
    await sessions.close()


async def test_a_log_in_with_the_old_password_that_ends_after_the_change_is_ended(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins when the role is closed already: the server has read the old password, and asks for no more later."""
    begun: list[SlowLogIn] = []
    set_anew = provisioner._set_anew

    async def while_it_changes(connection: Any, role: str) -> None:
        begun.append(await SlowLogIn.begin(case.mallory.url))
        await set_anew(connection, role)

    monkeypatch.setattr(provisioner, "_set_anew", while_it_changes)
    await case.database.provisioner.rotate("mallory")
    await begun[0].finish()
    assert (await case.session()).outdated
    assert await case.watch(LIFTED).look() == 1
    begun[0].close()


async def test_an_honest_session_is_left_alone(case: Case) -> None:
    await case.raw.execute("SELECT 1")
    assert await case.watch().look() == 0
    [session] = await case.sessions.open(waiting_s=0.1)
    assert (session.bot_id, session.transaction_s, session.statement_s, session.holds_up_s) == (
        "mallory",
        None,
        None,
        None,
    )
    assert not session.outdated
    use = case.processes.use_of(session.pid, session.role_name)
    assert use is not None
    assert 0 < use.memory_mb < LIMITS.memory_mb
    assert 0 <= use.processor_s < 1
    assert case.processes.use_of(session.pid, "another_role") is None


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        ("SELECT pg_sleep(60)", "One statement ran"),
        ("BEGIN; SELECT my_bot()", "One transaction was open"),
    ],
)
async def test_what_takes_too_long_is_ended(case: Case, attack: str, reason: str) -> None:
    """Whatever limits of its own it has lifted before."""
    await case.raw.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
    attacking = asyncio.create_task(case.raw.execute(attack))

    async def takes_too_long() -> bool:
        return ((await case.session()).transaction_s or 0) > LIMITS.transaction_s

    await eventually(takes_too_long)
    assert await case.watch(LIFTED).look() == 0
    await eventually(case.watch().look, what="the session is ended")
    with suppress(PostgresError):
        await attacking
    with pytest.raises((PostgresError, InterfaceError)):
        await case.raw.execute("SELECT 1")
    [told] = await case.reasons()
    assert told.startswith(reason)


async def test_a_bot_that_holds_up_the_supervisor_is_ended(case: Case) -> None:
    """It locks its own counter, so that no change of its state can be written: it could not be stopped."""
    await case.raw.execute("BEGIN; UPDATE bot_counters SET event_seq = event_seq + 1")
    service = await case.database.connect(case.database.urls.supervisor)
    stopping = asyncio.create_task(
        service.execute("UPDATE bot_counters SET event_seq = event_seq + 1 WHERE bot_id = 'mallory'")
    )
    limits = WatchLimits(holds_up_s=0.1)

    async def holds_up() -> bool:
        return (await case.session()).holds_up_s is not None

    await eventually(holds_up)
    assert await case.watch(LIFTED).look() == 0
    await eventually(case.watch(limits).look, what="the session is ended")
    assert await stopping == "UPDATE 1"
    [told] = await case.reasons()
    assert told.startswith("It held up others by a lock")


async def test_waiting_for_oneself_harms_nobody(case: Case) -> None:
    await case.raw.execute("BEGIN; UPDATE bot_counters SET event_seq = event_seq + 1")
    second = await case.database.connect(case.mallory.url)
    waiting = asyncio.create_task(second.execute("UPDATE bot_counters SET event_seq = event_seq + 1"))

    async def waits() -> bool:
        admin = await case.database.connect()
        return bool(await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted AND waitstart IS NOT NULL"))

    await eventually(waits)
    assert await case.watch(WatchLimits(holds_up_s=0.0)).look() == 0
    await case.raw.execute("ROLLBACK")
    await waiting


async def test_a_session_that_takes_too_much_memory_is_ended(case: Case) -> None:
    await case.raw.execute("SET work_mem = '1GB'; SET statement_timeout = 0")
    hoard = (
        "SELECT length(s), pg_sleep(60)"
        " FROM (SELECT string_agg(repeat('x', 1000), '') AS s FROM generate_series(1, 150000) OFFSET 0) AS q"
    )
    attacking = asyncio.create_task(case.raw.execute(hoard))

    async def takes_too_much() -> bool:
        session = await case.session()
        use = case.processes.use_of(session.pid, session.role_name)
        return use is not None and use.memory_mb > LIMITS.memory_mb

    await eventually(takes_too_much, within=20)
    assert await case.watch(LIFTED).look() == 0
    await eventually(case.watch(WatchLimits(memory_mb=64)).look, within=20, what="the session is ended")
    with pytest.raises(PostgresError):
        await attacking
    [told] = await case.reasons()
    assert told.startswith("It took")


async def test_a_bot_that_keeps_the_processor_busy_is_shut_out(case: Case) -> None:
    """With many short statements: none of them breaks a limit by itself."""
    look = case.alone(WatchLimits(processor_s=0.2))
    await look()

    async def flood() -> None:
        for _ in range(5000):
            await case.raw.execute("SELECT sum(sqrt(n)) FROM generate_series(1, 10000) AS n")

    flooding = asyncio.create_task(flood())
    await eventually(look, what="the session is ended")
    await asyncio.wait({flooding})
    assert flooding.exception() is not None
    assert case.raw.is_closed()
    with pytest.raises(InvalidAuthorizationSpecificationError):
        await case.database.connect(case.mallory.url)
    [told] = await case.reasons()
    assert told.startswith("It kept the processor busy for 0.")


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK", ""])
async def test_a_bot_that_fills_the_disk_is_shut_out(case: Case, end: str) -> None:
    """Whether it keeps what it writes, takes it back, or has not decided yet."""
    look = case.alone(WatchLimits(written_mb=2.0, written_mb_per_h=0.0))
    await look()

    async def write() -> None:
        await case.raw.execute("BEGIN")
        while True:
            await case.raw.execute(
                "INSERT INTO metrics_data (bot_id, name, value, timestamp)"
                f" SELECT 'mallory', repeat('x', 200), 1, now() FROM generate_series(1, 200); {end}; BEGIN"
                if end
                else "INSERT INTO metrics_data (bot_id, name, value, timestamp)"
                " SELECT 'mallory', repeat('x', 200), 1, now() FROM generate_series(1, 200)"
            )

    writing = asyncio.create_task(write())
    await eventually(look, what="the bot is shut out")
    await asyncio.wait({writing})
    assert writing.exception() is not None
    with pytest.raises(InvalidAuthorizationSpecificationError):
        await case.database.connect(case.mallory.url)
    assert await case.reasons() == ["It wrote 2 MB to the server's files, and 0 MB per hour beyond."]


async def test_a_bot_that_keeps_the_processor_busy_gives_way_to_others_first(case: Case) -> None:
    """Long before anything is ended: until then everybody else would be slow."""
    [session] = await case.sessions.open(waiting_s=0.1)
    watch = case.watch(WatchLimits(processors=0.1))
    await watch.look()
    await case.raw.execute("SELECT 1")
    assert await watch.look() == 0
    assert os.getpriority(os.PRIO_PROCESS, session.pid) == 0
    assert not case.processes.give_way(session.pid, "another_role")
    await case.raw.execute("SELECT sum(sqrt(n)) FROM generate_series(1, 3000000) AS n")
    assert await watch.look() == 0
    assert os.getpriority(os.PRIO_PROCESS, session.pid) > 0
    assert await case.reasons() == []
    await case.raw.execute("SELECT 1")


async def test_only_our_own_server_s_processes_count(case: Case) -> None:
    """Any process on this machine may call itself what it likes; on one elsewhere a pid is a stranger's."""
    [session] = await case.sessions.open(waiting_s=0.1)
    title = f"postgres: {session.role_name} hanfleet [local] idle"
    fake = subprocess.Popen(
        [title, "-c", "import sys; sys.stdin.read()"], executable=sys.executable, stdin=subprocess.PIPE
    )
    try:
        await eventually(lambda: Path(f"/proc/{fake.pid}/cmdline").read_text().startswith(title))
        assert case.processes.use_of(fake.pid, session.role_name) is None
        assert not case.processes.give_way(fake.pid, session.role_name)
        assert os.getpriority(os.PRIO_PROCESS, fake.pid) == 0
    finally:
        fake.communicate(timeout=10)
    elsewhere = ServerProcesses(None)
    assert elsewhere.use_of(session.pid, session.role_name) is None
    assert not elsewhere.give_way(session.pid, session.role_name)


async def test_a_bot_that_logs_in_over_and_over_is_shut_out(case: Case) -> None:
    """Each log-in costs the server a process and a proof of the password."""
    look = case.alone(WatchLimits(logins=2))
    await look()

    async def logs_in_again() -> bool:
        """Until it may not any more."""
        try:
            again = await case.database.connect(case.mallory.url)
        except InvalidAuthorizationSpecificationError:
            return True
        await look()
        await again.close()
        return False

    await eventually(logs_in_again, what="the bot is shut out")
    assert await case.reasons() == ["It was seen to log in 3 times within 60 s."]


async def test_after_a_log_in_it_looks_more_often_for_a_while(case: Case) -> None:
    """Who logs in over and over would be seen too seldom otherwise."""
    clock = _Looks(lambda: case.database.connect(case.mallory.url))
    watch = SessionWatch(
        case.database.supervisor,
        case.sessions,
        case.sessions.fence,
        clock,
        processes=case.processes,
        interval_s=1.0,
        soon_s=0.5,
    )
    with pytest.raises(ExceptionGroup) as ended:
        await watch.run()
    assert ended.group_contains(_EnoughError)
    # The log-in is seen at the second look.
    assert clock.pauses == [1.0, 0.5, 0.5, 0.5, 0.5, 1.0]


class _EnoughError(Exception):
    pass


class _Looks(ManualClock):
    """Notes the pauses between looks; something happens in the first of them."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__()
        self._meanwhile = meanwhile
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) == 1:
            await self._meanwhile()
        if len(self.pauses) == 6:
            raise _EnoughError
        await super().sleep(seconds)


async def test_what_was_open_before_the_watch_began_is_not_held_against_a_bot(case: Case) -> None:
    """A supervisor that takes over does not know since when the work was done."""
    await case.raw.execute("SELECT sum(sqrt(n)) FROM generate_series(1, 300000) AS n")
    watch = case.watch(WatchLimits(processor_s=0.0, logins=0))
    assert await watch.look() == 0
    assert await case.reasons() == []


async def test_a_session_from_before_the_last_rotation_is_ended(case: Case) -> None:
    """A log-in that was under way while log-ins were closed, and came through afterwards."""
    admin = await case.database.connect()
    assert await admin.fetchval("SELECT rotated_at IS NOT NULL FROM bot_roles WHERE bot_id = 'mallory'")
    await admin.execute("UPDATE bot_roles SET rotated_at = clock_timestamp()")
    assert await case.watch().look() == 1
    assert await case.reasons() == ["It logged in before the bot's present start."]
    await case.database.connect(case.mallory.url)
    assert await case.watch().look() == 0


async def test_who_does_it_again_and_again_is_shut_out(case: Case) -> None:
    limits = WatchLimits(transaction_s=0.0, offences=2)
    watch, raw = case.watch(limits), case.raw
    for _ in range(2):
        await raw.execute("BEGIN; SELECT my_bot()")
        assert await watch.look() == 1
        with suppress(PostgresError, InterfaceError):
            await raw.execute("SELECT 1")
        if _ == 0:
            raw = await case.database.connect(case.mallory.url)
    with pytest.raises(InvalidAuthorizationSpecificationError):
        await case.database.connect(case.mallory.url)
    await case.database.provisioner.rotate("mallory")


async def test_nobody_but_bots_is_ended(case: Case) -> None:
    service = await case.database.connect(case.database.urls.supervisor)
    await service.execute("BEGIN; SELECT 1")
    assert await case.watch(WatchLimits(transaction_s=0.0)).look() == 0
    await service.execute("ROLLBACK")


async def test_a_bot_that_cannot_be_shut_out_hides_no_other_one(case: Case) -> None:
    """Neither by an error nor by the time that it takes; it is tried again until it succeeds, and told only then."""
    anna = await case.database.add_bot("anna")
    tries, let_go = [], asyncio.Event()

    async def shut_out(bot_id: str) -> None:
        if bot_id == "anna":
            await case.sessions.fence(bot_id)
            return
        tries.append(bot_id)
        if len(tries) == 1:
            raise PermanentError("The database refuses this: tuple concurrently updated")
        await let_go.wait()
        await case.sessions.fence(bot_id)

    watch = case.watch(WatchLimits(transaction_s=0.0, offences=1), shut_out=shut_out, clock=_Hasty())
    await case.raw.execute("BEGIN; SELECT my_bot()")
    watching = asyncio.create_task(watch.run())
    await eventually(lambda: len(tries) == 2, what="the second try")
    raw = await case.database.connect(anna.url)
    await raw.execute("BEGIN; SELECT my_bot()")

    admin = await case.database.connect()

    async def shut() -> bool:
        return not await admin.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", anna.role_name)

    await eventually(shut, what="anna is shut out")
    assert len(tries) == 2
    assert await case.reasons() == []
    let_go.set()
    [told] = await eventually(case.reasons)
    assert told.startswith("One transaction was open")
    assert not watching.done()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


class _Hasty(SystemClock):
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 20)


async def test_a_bot_that_locks_what_is_told_of_it_hides_no_other_one(case: Case) -> None:
    """And saves itself from nothing: the lock is ended at a later look, and then it is told."""
    anna = await case.database.add_bot("anna")
    second = await case.database.connect(case.mallory.url)
    await second.execute("BEGIN; UPDATE bot_counters SET event_seq = event_seq + 1")
    raws = [case.raw, await case.database.connect(anna.url)]
    busy = [asyncio.create_task(raw.execute("SELECT pg_sleep(60)")) for raw in raws]
    watch = case.watch(WatchLimits(statement_s=0.2, offences=9), clock=_Hasty())
    watching = asyncio.create_task(watch.run())
    _, waiting = await asyncio.wait(busy, timeout=5)
    assert not waiting

    async def told() -> bool:
        async with case.database.supervisor.transaction(SYSTEM) as tx:
            events = await tx.events.list(type="error.database.session_ended")
        return {event.bot_id for event in events} == {"anna", "mallory"} and len(events) == 3

    await eventually(told, what="both are told, and the lock as well")
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_server_that_takes_no_more_log_ins_is_watched_still(case: Case) -> None:
    watch = case.watch(WatchLimits(transaction_s=0.0, offences=1))
    await watch.look()
    assert await case.reasons() == []  # has opened the supervisor's own connection, too
    admin = await case.database.connect()
    await admin.execute(f"ALTER DATABASE {case.database.name} CONNECTION LIMIT 0")
    await case.raw.execute("BEGIN; SELECT my_bot()")
    with pytest.raises(StoreUnavailableError):
        await case.database.provisioner.fence("mallory")
    assert await watch.look() == 1
    assert len(await case.reasons()) == 1
    assert not await admin.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", case.mallory.role_name)


async def test_the_watch_comes_back_with_its_connections(case: Case) -> None:
    await case.watch().look()
    admin = await case.database.connect()
    ours = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'hanfleet %'"
    lost = await admin.fetch(ours)
    await admin.fetch(f"SELECT pg_terminate_backend(pid, 5000) FROM ({ours}) AS o")

    async def back() -> bool:
        with suppress(ExceptionGroup):
            await case.watch().look()
        return len(await admin.fetch(ours)) == len(lost) == 2

    await eventually(back)
    await case.sessions.fence("mallory")
