"""The supervisor's watch of the bus: a bot that takes more than any worker needs is ended, and shut out in the end.

The server is each test's own, for the watch looks at all of its users.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf
from urllib.parse import unquote, urlsplit

import pytest

from hanfleet.app.embedded import EmbeddedValkey
from hanfleet.app.home import Home
from hanfleet.bus import BotUses, Bus, BusProvisioner, IPCManager
from hanfleet.core.commands import Ping, Response
from hanfleet.core.errors import BusUnavailableError, PermanentError
from hanfleet.kit.clock import SystemClock
from hanfleet.supervisor.bus_watch import BusLimits, BusWatch
from tests.support.database import SYSTEM, Database
from tests.support.waiting import eventually

NONE = BusLimits(inf, inf, 10_000, 10_000, 60, inf, 1_000_000, inf, 1_000_000, 3, 600)
BIG = b"x" * 900_000


class Raw:
    """A connection that says what it likes, and reads only when told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def knock(cls, url: str) -> "Raw":
        """Without a log-in."""
        parts = urlsplit(url)
        return cls(*await asyncio.open_unix_connection(unquote(parts.hostname or "") or parts.path))

    @classmethod
    async def open(cls, url: str) -> "Raw":
        parts, raw = urlsplit(url), await cls.knock(url)
        raw.say(b"AUTH", (parts.username or "").encode(), unquote(parts.password or "").encode())
        if await raw.reader.readline() != b"+OK\r\n":
            raw.writer.transport.abort()
            raise PermissionError("the bus lets this user in no more")
        return raw

    def say(self, *words: bytes) -> None:
        """Raises ConnectionError once the server has hung up: asyncio would log each word that it throws away."""
        if self.writer.transport.is_closing():
            raise ConnectionResetError("the server has hung up")
        self.writer.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(one), one) for one in words))

    async def answers(self, number: int) -> None:
        """Wait for ``number`` answers of one line."""
        await self.writer.drain()
        for _ in range(number):
            await self.reader.readline()

    async def ended(self) -> bool:
        with suppress(ConnectionError):
            while await self.reader.read(1 << 16):
                pass
        return True


@dataclass
class Case:
    database: Database
    valkey: EmbeddedValkey
    admin: Bus
    users: BusProvisioner
    mallory_url: str
    raws: list[Raw] = field(default_factory=list)

    def watch(self, limits: BusLimits = NONE, interval_s: float = 1.0) -> BusWatch:
        uses = BotUses(self.admin)
        return BusWatch(
            self.database.supervisor, uses, self.users.shut_out, SystemClock(), limits=limits, interval_s=interval_s
        )

    async def mallory(self) -> Raw:
        self.raws.append(await Raw.open(self.mallory_url))
        return self.raws[-1]

    async def told(self) -> list[str]:
        async with self.database.supervisor.transaction(SYSTEM) as tx:
            events = await tx.events.list(bot_id="mallory", type="error.bus.clients_ended")
        return [event.data["reason"] for event in events]


@pytest.fixture
async def case(database: Database) -> AsyncIterator[Case]:
    home = Home.temporary()
    valkey = EmbeddedValkey(home, durable=False)
    try:
        await valkey.start()
        await database.add_bot("mallory")
        admin = Bus(valkey.url, clock=SystemClock(), name="admin")
        users = BusProvisioner(admin)
        case = Case(database, valkey, admin, users, await users.create_user("mallory"))
        yield case
        for raw in case.raws:
            raw.writer.transport.abort()
        await admin.close()
    finally:
        await valkey.stop()
        home.destroy()


async def worker(bus: Bus, bot_id: str) -> None:
    """Answers every command, as a worker does."""
    queue = IPCManager(bus).setup_message_queue(bot_id, unseal=lambda sealed: sealed)
    async for received in queue.receive():
        await queue.reply(Response(command_id=received.command_id, ok=True))


async def test_an_honest_worker_is_left_alone(case: Case) -> None:
    async with asyncio.timeout(20):
        mallory = Bus(case.mallory_url, clock=SystemClock())
        working = asyncio.create_task(worker(mallory, "mallory"))
        ipc, watch = IPCManager(case.admin), case.watch(BusLimits())
        for _ in range(20):
            assert (await ipc.send_command("mallory", Ping())).ok
            assert await watch.look() == 0
        [use] = await BotUses(case.admin).now()
        assert use.clients
        assert all(client.commands and client.traffic and client.memory for client in use.clients)
        assert {(stream.name, stream.entries, stream.groups) for stream in use.streams} == {
            ("hf:mallory:replies", 20, 0),
            ("hf:mallory:commands", 0, 1),
        }
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await mallory.close()


async def many_commands(raw: Raw) -> None:
    for _ in range(2000):
        raw.say(b"PING")
    await raw.answers(2000)


async def many_refusals(raw: Raw) -> None:
    """The server does not count what it refuses as commands."""
    for _ in range(2000):
        raw.say(b"FLUSHALL")
    await raw.answers(2000)


async def many_answers_unread(raw: Raw) -> None:
    for _ in range(10):
        raw.say(b"PING", BIG)
    await raw.writer.drain()


async def many_entries(raw: Raw) -> None:
    for _ in range(101):
        raw.say(b"XADD", b"hf:mallory:replies", b"*", b"response", b"x")
    await raw.answers(202)


async def large_entries(raw: Raw) -> None:
    """Small ones first: a sample of the stream would show nothing."""
    for value in (*[b"x"] * 1000, *[BIG] * 5):
        raw.say(b"XADD", b"hf:mallory:replies", b"*", b"response", value)
    await raw.answers(2010)


async def many_groups(raw: Raw) -> None:
    for number in range(11):
        raw.say(b"XGROUP", b"CREATE", b"hf:mallory:commands", BIG + b"%d" % number, b"0", b"MKSTREAM")
    await raw.answers(11)


async def large_readers(raw: Raw) -> None:
    raw.say(b"XGROUP", b"CREATE", b"hf:mallory:commands", b"g", b"0", b"MKSTREAM")
    for number in range(5):
        name = BIG + b"%d" % number
        raw.say(b"XREADGROUP", b"GROUP", b"g", name, b"STREAMS", b"hf:mallory:commands", b">")
    await raw.answers(6)


@pytest.mark.parametrize(
    ("attack", "limits", "reason", "dropped"),
    [
        (many_commands, replace(NONE, commands_per_s=50), "commands per second", None),
        (many_refusals, replace(NONE, traffic_mb_per_s=0.005), "MB per second", None),
        (many_answers_unread, replace(NONE, memory_mb=4), "of the server's memory", None),
        (many_entries, replace(NONE, entries=100), "It kept 101 entries", "hf:mallory:replies"),
        (large_entries, replace(NONE, stream_mb=4), "MB in hf:mallory:replies", "hf:mallory:replies"),
        (many_groups, replace(NONE, groups=10), "It kept 11 groups", "hf:mallory:commands"),
        (large_readers, replace(NONE, stream_mb=4), "MB in hf:mallory:commands", "hf:mallory:commands"),
    ],
)
async def test_who_takes_too_much_is_ended(
    case: Case, attack: Callable[[Raw], object], limits: BusLimits, reason: str, dropped: str | None
) -> None:
    raw = await case.mallory()
    quiet, lifted = case.watch(limits), case.watch(NONE)
    assert await quiet.look() == await lifted.look() == 0
    await attack(raw)  # type: ignore[misc]
    assert await lifted.look() == 0, "it is this limit that ends it"
    await eventually(quiet.look, what="mallory is ended")
    assert await raw.ended()
    [told] = await case.told()
    assert reason in told
    assert dropped is None or not await case.admin.client.exists(dropped)
    assert await quiet.look() == 0
    await case.mallory()


async def test_too_many_connections_are_ended_and_the_fleets_own_are_not(case: Case) -> None:
    await asyncio.gather(*(case.admin.ping() for _ in range(5)))
    for _ in range(4):
        await case.mallory()
    assert await case.watch(replace(NONE, connections=3)).look() == 1
    assert await case.told() == ["It held 4 connections."]
    assert len(await case.admin.client.client_list()) >= 5


async def test_who_never_logs_in_is_hung_up_on(case: Case) -> None:
    stranger = await Raw.knock(case.mallory_url)
    case.raws.append(stranger)
    known = await case.mallory()
    async with asyncio.timeout(20):
        ended = asyncio.create_task(stranger.ended())
        while not ended.done():
            assert await case.watch().look() == 0
            await asyncio.wait([ended], timeout=0.1)
    known.say(b"XLEN", b"x")
    assert (await known.reader.readline()).startswith(b"-NOPERM")


async def test_a_server_that_lets_anybody_in_has_no_strangers(case: Case) -> None:
    await case.admin.client.execute_command("ACL", "SETUSER", "default", "on", "nopass")
    guest = await Raw.knock(case.mallory_url)
    case.raws.append(guest)
    await eventually(lambda: _is_old(case.admin, "default", 2))
    assert await BotUses(case.admin).end_strangers(1) == 0
    guest.say(b"PING")
    assert await guest.reader.readline() == b"+PONG\r\n"


async def _is_old(admin: Bus, user: str, age_s: int) -> bool:
    clients = await admin.client.client_list()
    return any(client["user"] == user and int(client["age"]) >= age_s for client in clients)


async def test_names_that_make_the_list_too_long_do_not_blind_it(case: Case) -> None:
    """The server hangs up on whoever is sent more than its bound, the supervisor too."""
    for _ in range(40):
        raw = await case.mallory()
        raw.say(b"CLIENT", b"SETNAME", BIG)
        await raw.answers(1)
    assert await case.watch(BusLimits()).look() == 1
    assert await case.told() == ["It held 40 connections."]
    assert len(await case.admin.client.client_list()) < 10


async def test_a_bot_that_comes_and_goes_over_and_over_is_ended(case: Case) -> None:
    """Each connection is over before it has done much; what came before the watch counts as nothing."""
    await case.mallory()
    watch = case.watch(replace(NONE, logins=3))
    assert await watch.look() == 0
    for new in range(1, 5):
        again = await case.mallory()
        assert await watch.look() == (new > 3)
        again.writer.transport.abort()
    assert await case.told() == ["It was seen to log in 4 times within 60 s."]


async def test_who_does_it_again_and_again_is_shut_out_until_the_next_start(case: Case) -> None:
    watch = case.watch(replace(NONE, connections=0, offences=2))
    for _ in range(2):
        await case.mallory()
        assert await watch.look() == 1
    with pytest.raises(PermissionError):
        await case.mallory()
    # Not for a crash of the server either: its file knows.
    await case.valkey.stop()
    await case.valkey.start()
    with pytest.raises(PermissionError):
        await case.mallory()
    assert await watch.look() == 0
    case.mallory_url = await case.users.create_user("mallory")
    await case.mallory()
    assert len(await case.told()) == 2


async def test_a_bot_that_cannot_be_shut_out_hides_no_other_one(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one whose clients cannot be ended. It is tried again, and told when it is done."""
    await case.database.add_bot("anna")
    await case.database.add_bot("zoe")
    urls = [await case.users.create_user(bot_id) for bot_id in ("anna", "zoe")]
    raws = [await case.mallory(), *[await Raw.open(url) for url in urls]]
    case.raws.extend(raws)
    real, tries = case.users.shut_out, []

    async def shut_out(bot_id: str) -> None:
        tries.append(bot_id)
        if tries.count("mallory") == 1 and bot_id == "mallory":
            raise PermanentError("no")
        await real(bot_id)

    end = BotUses.end

    async def refuses(uses: BotUses, bot_id: str) -> int:
        if bot_id == "zoe":
            raise PermanentError("no")
        return await end(uses, bot_id)

    monkeypatch.setattr(case.users, "shut_out", shut_out)
    monkeypatch.setattr(BotUses, "end", refuses)
    watch = case.watch(replace(NONE, connections=0, offences=1))
    assert await watch.look() == 2
    assert await case.told() == []
    for ended in (raws[0], raws[1]):
        assert await ended.ended()
    for url in urls:
        with pytest.raises(PermissionError):
            await Raw.open(url)
    assert await watch.look() == 0
    assert await case.told() == ["It held 1 connections."]
    with pytest.raises(PermissionError):
        await case.mallory()


async def test_a_server_that_does_not_count_is_watched_for_the_rest(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Redis 7."""
    real = case.admin.client.execute_command

    async def older(*words: str, **options: object) -> object:
        answer = await real(*words, **options)
        if words == ("CLIENT", "LIST"):
            return "\n".join(line.partition(" tot-net-in=")[0] for line in answer.splitlines())
        return answer

    monkeypatch.setattr(case.admin.client, "execute_command", older)
    await many_commands(await case.mallory())
    assert await case.watch(replace(NONE, commands_per_s=0.1, traffic_mb_per_s=1e-9)).look() == 0
    assert await case.watch(replace(NONE, connections=0)).look() == 1


async def test_a_bus_that_was_away_is_watched_again(case: Case) -> None:
    await case.valkey.stop()
    watching = asyncio.create_task(case.watch(replace(NONE, connections=0), interval_s=0.02).run())
    with pytest.raises(BusUnavailableError):
        await case.admin.ping()
    await case.valkey.start()
    raw = await case.mallory()
    await eventually(case.told, what="mallory is ended")
    assert await raw.ended()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_user_without_a_bot_is_ended_as_well(case: Case) -> None:
    case.mallory_url = await case.users.create_user("stranger")
    await case.mallory()
    assert await case.watch(replace(NONE, connections=0)).look() == 1


async def test_the_server_itself_bounds_one_client(case: Case) -> None:
    large = (b"XADD", b"hf:mallory:replies", b"*", b"response", b"x" * 1_100_000)
    raw = await case.mallory()
    raw.say(*large)
    assert (await raw.reader.readline()).startswith(b"-ERR Protocol error: invalid bulk length")
    await case.admin.client.config_set("proto-max-bulk-len", "2mb")
    lifted = await case.mallory()
    lifted.say(*large)
    assert (await lifted.reader.readline()).startswith(b"$")
    slow = await case.mallory()
    with suppress(ConnectionError):
        for _ in range(4):
            await many_answers_unread(slow)
    async with asyncio.timeout(10):
        assert await slow.ended()
    await case.admin.client.config_set("client-output-buffer-limit", "normal 0 0 0")
    await many_answers_unread(await case.mallory())
    await many_answers_unread(slow := await case.mallory())
    for _ in range(3):
        await many_answers_unread(slow)
    await eventually(lambda: _holds(case, 33 << 20), what="it keeps more than a client may")


async def test_the_server_bounds_what_a_waiting_client_sends(case: Case) -> None:
    """What comes after a command that waits is kept until it has its answer."""

    async def wait_and_send() -> Raw:
        raw = await case.mallory()
        raw.say(b"XGROUP", b"CREATE", b"hf:mallory:commands", b"g", b"0", b"MKSTREAM")
        await raw.reader.readline()
        raw.say(b"XREADGROUP", b"GROUP", b"g", b"c", b"BLOCK", b"0", b"STREAMS", b"hf:mallory:commands", b">")
        raw.writer.write(b"*1\r\n$4\r\nPING\r\n" * 300_000)
        return raw

    async with asyncio.timeout(10):
        assert await (await wait_and_send()).ended()
    await case.admin.client.config_set("client-query-buffer-limit", "1gb")
    await wait_and_send()
    await eventually(lambda: _holds(case, 4 << 20), what="it keeps more than a client may")


async def _holds(case: Case, size: int) -> bool:
    """Whether one of mallory's connections takes so much of the server's memory."""
    clients = await case.admin.client.client_list()
    return any(int(client["tot-mem"]) > size for client in clients if client["user"].endswith("mallory"))


async def test_the_server_bounds_what_all_clients_hold_together(case: Case) -> None:
    """Each sends the beginning of a long command."""

    async def begin() -> None:
        for _ in range(12):
            raw = await case.mallory()
            raw.writer.write(b"*1000\r\n$4\r\nXADD\r\n" + (b"$%d\r\n%s\r\n" % (len(BIG), BIG)) * 12)

    await case.admin.client.config_set("maxmemory-clients", "0")
    await begin()

    async def all_is_there() -> bool:
        clients = await case.admin.client.client_list()
        return sum(int(client["tot-mem"]) for client in clients) > 120 << 20

    await eventually(all_is_there, what="nobody stops them")
    assert int((await case.admin.client.info("stats"))["evicted_clients"]) == 0
    await case.admin.client.config_set("maxmemory-clients", "64mb")

    async def some_are_gone() -> bool:
        return int((await case.admin.client.info("stats"))["evicted_clients"]) > 0

    await eventually(some_are_gone)
    await case.admin.ping()


async def test_while_one_floods_the_others_commands_get_through(case: Case) -> None:
    """Several pipelined connections, which come again as often as they are ended."""
    await case.database.add_bot("anna")
    anna = Bus(await case.users.create_user("anna"), clock=SystemClock())

    async def flood() -> None:
        """Ends by PermissionError."""
        while True:
            raw = await case.mallory()
            with suppress(ConnectionError):
                while not raw.reader.at_eof():
                    await many_commands(raw)

    tasks = [
        asyncio.create_task(worker(anna, "anna")),
        asyncio.create_task(case.watch(BusLimits(), interval_s=0.3).run()),
    ]
    floods = [asyncio.create_task(flood()) for _ in range(4)]
    try:
        async with asyncio.timeout(30):
            for _ in range(30):
                assert (await IPCManager(case.admin).send_command("anna", Ping(), timeout_s=5)).ok
            await asyncio.wait(floods)
            assert {type(flood.exception()) for flood in floods} == {PermissionError}
        assert (await IPCManager(case.admin).send_command("anna", Ping(), timeout_s=5)).ok
    finally:
        for task in (*tasks, *floods):
            task.cancel()
        await asyncio.gather(*tasks, *floods, return_exceptions=True)
        await anna.close()
