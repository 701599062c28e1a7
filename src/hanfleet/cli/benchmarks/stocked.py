"""A database with a million messages in it, made in well under a minute, for `hanfleet bench store`.

Its own server in a temporary home, durable like a real one. Rows come by COPY, foreign keys unchecked, in the order in
which a fleet would have written them: neighbours on a page belong to different chats. Nothing in them is random, so two
runs see the same rows.
"""

import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from hanfleet.app.embedded import EmbeddedPostgres
from hanfleet.app.home import Home
from hanfleet.app.home_database import passwords_of
from hanfleet.core.messages import Author, Direction, MediaKind
from hanfleet.kit.clock import SystemClock
from hanfleet.store.addresses import connect
from hanfleet.store.admin import Installation, bootstrap, database_url
from hanfleet.store.principals import SystemPrincipal
from hanfleet.store.provisioner import Provisioner
from hanfleet.store.session import Store

CONTACTS = 200
_CHUNK = 50_000
_TIMEOUT_S = 600.0
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_SPREAD = timedelta(days=90)
_SYSTEM = SystemPrincipal("bench")
_WORDS = "so how was the day then I went to the lake and it rained but we stayed until the evening was over".split()  # noqa: SIM905 - a text

Say = Callable[[str], None]
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Stock:
    """What is in the server: bot ids, and how to reach it as everybody."""

    installation: Installation
    admin_url: str
    bots: tuple[str, ...]
    messages: int
    filled_in_s: float
    pid_file: Path

    def chat(self, bot: int, contact: int) -> int:
        """The chat id of a bot's contact, both counted from 0."""
        return _chat(bot, contact)

    def message_id(self, number: int) -> uuid.UUID:
        """The id of the message of that number; ``number % len(bots)`` is its bot."""
        return _id(_moment(number, self.messages), number)


@asynccontextmanager
async def stocked(messages: int, bots: int, say: Say) -> AsyncIterator[Stock]:
    """The server, filled, analysed and running until the end. Raises HanfleetError when it does not come up."""
    home = Home.temporary()
    async with AsyncExitStack() as exits:
        exits.callback(home.destroy)
        server = EmbeddedPostgres(home, bots=bots)
        exits.push_async_callback(server.stop)
        await server.start()
        installation = await bootstrap(server.url, passwords_of(home))
        names = tuple(f"bench-{number:03}" for number in range(bots))
        await _add_bots(installation, names)
        admin_url = database_url(server.url).render_as_string(hide_password=False)
        began = time.monotonic()
        await _fill(admin_url, names, messages, say)
        yield Stock(installation, admin_url, names, messages, time.monotonic() - began, server.pid_file)


async def _add_bots(installation: Installation, names: Sequence[str]) -> None:
    api = Store(installation.urls.api, clock=SystemClock(), application_name="hanfleet bench")
    roles = Provisioner(installation.urls.provisioner)
    try:
        for name in names:
            async with api.transaction(_SYSTEM) as tx:
                await tx.bots.add(name, {"name": name})
            await roles.create_bot_role(name)
    finally:
        await api.close()


async def _fill(admin_url: str, names: Sequence[str], messages: int, say: Say) -> None:
    connection = await connect(admin_url, "hanfleet bench", timeout_s=_TIMEOUT_S)
    try:
        # Neither foreign keys nor our own triggers look at what comes: it is right, and the looks take longest.
        await connection.execute("SET session_replication_role = replica")
        for table, columns, rows in _tables(names, messages):
            written = 0
            for chunk in _chunks(rows):
                await connection.copy_records_to_table(table, records=chunk, columns=columns)
                written += len(chunk)
                say(f"store: {written:,} {table}")
        await connection.execute(
            "UPDATE bot_counters SET event_seq = $1, outbox_seq = $1 WHERE bot_id = ANY($2::text[])", messages, names
        )
        say("store: taking statistics")
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close(timeout=_TIMEOUT_S)


def _tables(names: Sequence[str], messages: int) -> Iterator[tuple[str, Sequence[str], Iterable[Row]]]:
    contacts = [(bot, name, _chat(bot, place)) for bot, name in enumerate(names) for place in range(CONTACTS)]
    yield (
        "sessions",
        ("bot_id", "is_bot", "dc_id", "server_address", "port", "auth_key_sealed", "pts", "qts", "date", "seq",
         "updated_at"),
        ((name, False, 2, "127.0.0.1", 443, b"sealed", 1, 1, _BEGAN, 1, _BEGAN) for name in names),
    )  # fmt: skip
    yield (
        "user_profiles",
        ("bot_id", "id", "chat_id", "name", "language", "disclosed_at", "message_count", "last_activity", "created_at"),
        ((name, _id(_BEGAN, chat), chat, f"Contact {chat}", "en", _BEGAN, 50, _BEGAN, _BEGAN)
         for _, name, chat in contacts),
    )  # fmt: skip
    yield (
        "conversations",
        ("bot_id", "id", "chat_id", "newest_inbound", "answered_through", "timestamp"),
        ((name, _id(_BEGAN, chat), chat, messages, messages, _BEGAN) for _, name, chat in contacts),
    )
    yield (
        "messages",
        ("bot_id", "id", "chat_id", "telegram_id", "direction", "author", "text", "media", "sent_at", "created_at"),
        _messages(names, messages),
    )
    yield (
        "events",
        ("id", "type", "version", "source", "bot_id", "seq", "data", "correlation_id", "timestamp", "published_at"),
        _events(names, messages),
    )
    yield (
        "metrics_data",
        ("bot_id", "name", "value", "timestamp"),
        ((names[n % len(names)], "answer_latency_ms", float(n % 97), _moment(n, messages))
         for n in range(0, messages, 20)),
    )  # fmt: skip
    # Chains of their own: those of the bots go on while it is measured.
    yield (
        "audit",
        ("chain", "seq", "timestamp", "principal", "db_role", "action", "noun", "bot_id", "subject", "prev_hash",
         "hash"),
        ((f"old:{names[n % len(names)]}", n, _moment(n, messages), "operator:owner", "api", "update", "contact",
          names[n % len(names)], "a contact", b"", b"")
         for n in range(0, messages, 10)),
    )  # fmt: skip


def _messages(names: Sequence[str], messages: int) -> Iterator[Row]:
    bots = len(names)
    for number in range(messages):
        bot, turn = number % bots, number // bots
        at = _moment(number, messages)
        inbound = (turn // CONTACTS) % 2 == 0
        yield (
            names[bot],
            _id(at, number),
            _chat(bot, turn % CONTACTS),
            turn + 1,
            Direction.IN if inbound else Direction.OUT,
            Author.CONTACT if inbound else Author.BOT,
            text_of(number),
            MediaKind.NONE,
            at,
            at,
        )


def _events(names: Sequence[str], messages: int) -> Iterator[Row]:
    bots = len(names)
    for number in range(0, messages, 4):
        bot, at = (number // 4) % bots, _moment(number, messages)
        event = _id(at, number)
        data = f'{{"bot_id": "{names[bot]}", "chat_id": {_chat(bot, number % CONTACTS)}, "message_id": "{event}"}}'
        yield (event, "user.message.received", 1, "worker", names[bot], number // 4 // bots + 1, data, event, at, at)


def text_of(number: int) -> str:
    """What somebody might write: 20 to 200 characters."""
    begin = number % len(_WORDS)
    return " ".join((_WORDS[begin:] + _WORDS)[: 5 + number % 35]) + f" #{number}"


def _chat(bot: int, contact: int) -> int:
    return 1_000_000 + bot * 1_000 + contact


def _moment(number: int, messages: int) -> datetime:
    return _BEGAN + _SPREAD * (number / messages)


def _id(at: datetime, number: int) -> uuid.UUID:
    """Like a UUIDv7 of that moment, with a number in place of chance."""
    milliseconds = int(at.timestamp() * 1000)
    return uuid.UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | number)


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
