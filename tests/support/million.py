"""A fleet of 50 bots and 1,000,000 messages, made once for its statistics: what the planner knows of such a database.

    .venv/bin/python -m tests.support.million

makes one on an embedded server of its own (a minute or two, about 1 GB of disk), writes its statistics to
tests/data/million_messages.json and removes it. Make them again when tables, columns or indexes that a product query
uses have changed; `tests/integration/store/test_query_plans.py` puts them into an empty database and says when some
are missing. The texts are of made-up words in both alphabets, some of them frequent and most of them rare.
"""

import asyncio
import itertools
import json
import random
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from hanfleet.app.embedded import EmbeddedPostgres
from hanfleet.app.home import Home
from hanfleet.store.addresses import connect
from hanfleet.store.admin import ServicePasswords, bootstrap

STATISTICS = Path(__file__).parent.parent / "data" / "million_messages.json"
BOTS = 50
CONTACTS = 200  # of each bot
MESSAGES = 1_000_000
#: The months that events and metrics are spread over; the tests make these partitions whatever month it is.
MONTHS = ("2026-09", "2026-10", "2026-11")

_LATIN = ("ka", "mo", "ri", "ten", "sal", "vor", "ul", "be", "gran", "dis")
_CYRILLIC = ("по", "ра", "сту", "кен", "ло", "ми", "вер", "жа", "тор", "ки")

_PARTITION = """
    CREATE TABLE IF NOT EXISTS {parent}_y{year}m{month} PARTITION OF {parent}
    FOR VALUES FROM ('{year}-{month}-01+00') TO (timestamptz '{year}-{month}-01+00' + interval '1 month')"""

# uuid7: 48 bits of milliseconds, then random ones.
_ID = """
    CREATE FUNCTION pg_temp.id_at(at timestamptz) RETURNS uuid LANGUAGE sql AS
    $$ SELECT CAST(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
                   || '7' || substr(md5(random()::text), 1, 19) AS uuid) $$"""

_ROWS = (
    """INSERT INTO bots (bot_id, name, config, status, desired_state, status_since, created_at, updated_at)
       SELECT 'bot-' || lpad(b::text, 2, '0'), 'Bot ' || b, jsonb_build_object('prompt', repeat('x', 2000)), 'running',
              'running', now(), now(), now() FROM generate_series(1, $1) AS b""",
    "INSERT INTO bot_counters (bot_id, event_seq, outbox_seq) SELECT bot_id, 6000, 4000 FROM bots",
    "INSERT INTO bot_roles (bot_id, role_name) SELECT bot_id, 'role_' || bot_id FROM bots",
    """CREATE TEMP TABLE chats AS
       SELECT bot_id, (row_number() OVER ())::bigint + 100000 AS chat_id FROM bots, generate_series(1, $2)""",
    """INSERT INTO user_profiles (bot_id, id, chat_id, name, username, language, profile_data, disclosed_at,
                                  message_count, last_activity, created_at)
       SELECT bot_id, gen_random_uuid(), chat_id, 'Contact ' || chat_id, 'c' || chat_id, 'en',
              jsonb_build_object('home', md5(chat_id::text)), $4, 50, $4, $4 FROM chats""",
    """INSERT INTO conversations (bot_id, id, chat_id, newest_inbound, newest_inbound_at, answered_through,
                                  reply_due_at, waiting_since, timestamp)
       SELECT bot_id, gen_random_uuid(), chat_id, 100, $4, 100, CASE WHEN chat_id % 100 = 0 THEN $4 END,
              CASE WHEN chat_id % 100 = 0 THEN $4 END, $4 FROM chats""",
    # A message every 7.8 seconds over the three months, by turns of the contacts.
    """INSERT INTO messages (bot_id, id, chat_id, telegram_id, direction, author, text, sent_at, created_at, waiting)
       SELECT bot_id, pg_temp.id_at(at), chat_id, n, CASE WHEN n % 2 = 0 THEN 'in' ELSE 'out' END,
              CASE WHEN n % 2 = 0 THEN 'contact' ELSE 'bot' END, text, at, at, n % 2 = 0 AND n > $3 - 300
       FROM (SELECT n, text, $4::timestamptz + (n * 7.8) * interval '1 second' AS at, c.*
             FROM texts
             JOIN (SELECT *, row_number() OVER (ORDER BY md5(chat_id::text)) AS place FROM chats) AS c
               ON c.place = 1 + n / 2 * 7919 % ($1 * $2)) AS said""",
    """INSERT INTO turns (bot_id, chat_id, newest_inbound, id, reason, created_at)
       SELECT bot_id, chat_id, telegram_id, id, 'reply', created_at FROM messages
       WHERE direction = 'in' AND telegram_id % 4 = 0""",
    """INSERT INTO outbox (bot_id, id, chat_id, part, position, kind, text, random_id, state, attempts, telegram_id,
                           sent_at, created_at)
       SELECT bot_id, id, chat_id, 0, telegram_id, 'reply', text, telegram_id,
              CASE WHEN telegram_id > $3 - 100 THEN 'pending' ELSE 'sent' END, 1, telegram_id,
              CASE WHEN telegram_id <= $3 - 100 THEN sent_at END, created_at FROM messages
       WHERE direction = 'out' AND telegram_id % 4 = 1""",
    """INSERT INTO events (id, type, version, source, bot_id, seq, data, correlation_id, timestamp, published_at)
       SELECT id, CASE direction WHEN 'in' THEN 'user.message.received' ELSE 'bot.reply.decided' END, 1, 'worker',
              bot_id, telegram_id, jsonb_build_object('bot_id', bot_id, 'chat_id', chat_id, 'message_id', id), id,
              created_at, CASE WHEN telegram_id <= $3 - 100 THEN created_at END
       FROM messages WHERE telegram_id % 3 = 0""",
    """INSERT INTO metrics_data (bot_id, name, value, timestamp)
       SELECT bot_id, name, telegram_id, created_at FROM messages, unnest('{a,b,c}'::text[]) AS name
       WHERE telegram_id % 30 = 0""",
    """INSERT INTO audit (chain, seq, timestamp, principal, db_role, action, noun, bot_id, subject, prev_hash, hash)
       SELECT 'bot:' || bot_id, telegram_id, created_at, 'operator:owner', 'hf_api', 'update', 'bots', bot_id, bot_id,
              sha256(convert_to(telegram_id::text, 'UTF8')), sha256(convert_to((telegram_id + 10)::text, 'UTF8'))
       FROM messages WHERE telegram_id % 10 = 0""",
)

_RELATIONS = """
    SELECT oid, relname::text, relkind::text, relpages, reltuples, relallvisible FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'i')
      AND (relpages > 1 OR reltuples > 0 OR relkind = 'p')
    ORDER BY relname"""
_COLUMNS = """
    SELECT attname::text, inherited, null_frac, avg_width, n_distinct, correlation,
           most_common_vals::text, most_common_freqs::text, histogram_bounds::text
    FROM pg_stats WHERE schemaname = 'public' AND tablename = $1 ORDER BY attname, inherited"""


def _texts(rng: random.Random) -> Iterator[str]:
    """A few words fall often and most of them rarely, as in people's talk (Zipf's law)."""
    words = ["".join(word) for alphabet in (_LATIN, _CYRILLIC) for word in itertools.product(alphabet, repeat=3)]
    rng.shuffle(words)
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    for _ in range(MESSAGES):
        yield " ".join(rng.choices(words, cum_weights=weights, k=rng.randint(2, 20)))


async def partition_months(connection: Any) -> None:
    """Partitions for MONTHS, as superuser, in a database that may have some of them."""
    for parent in ("audit", "events", "metrics_data"):
        for year, month in (month.split("-") for month in MONTHS):
            await connection.execute(_PARTITION.format(parent=parent, year=year, month=month))


async def fill(connection: Any) -> None:
    """Fill a fresh schema, as superuser. Foreign keys are not looked up: the rows fit, and it is many times faster."""
    await partition_months(connection)
    await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
    await connection.execute("SET work_mem = '64MB'; SET plan_cache_mode = force_custom_plan")
    await connection.execute(_ID)
    await connection.execute("CREATE TEMP TABLE texts (n bigint, text text)")
    await connection.copy_records_to_table("texts", records=enumerate(_texts(random.Random(42)), 1), timeout=600)
    start = await connection.fetchval("SELECT CAST($1 || '-01 00:00+00' AS text)::timestamptz", MONTHS[0])
    sizes = {"$1": str(BOTS), "$2": str(CONTACTS), "$3": str(MESSAGES), "$4": f"timestamptz '{start.isoformat()}'"}
    for template in _ROWS:
        statement = re.sub(r"\$\d", lambda parameter: sizes[parameter[0]], template)
        began = time.monotonic()
        await connection.execute(statement, timeout=1200)
        print(f"{time.monotonic() - began:6.1f} s  {statement.split()[2]}")
    # Ten steps a histogram: what a plan depends on is in them, and the file stays small.
    await connection.execute("SET default_statistics_target = 10")
    await connection.execute("VACUUM ANALYZE", timeout=1200)


async def statistics(connection: Any) -> dict[str, Any]:
    """What the planner knows of every relation in public, as `put_statistics` takes it."""
    found: dict[str, Any] = {}
    for row in await connection.fetch(_RELATIONS):
        columns = [dict(column) for column in await connection.fetch(_COLUMNS, row["relname"])]
        found[row["relname"]] = {
            "pages": row["relpages"],
            "tuples": row["reltuples"],
            "visible": row["relallvisible"],
            "columns": [{name: value for name, value in column.items() if value is not None} for column in columns],
        }
    return found


async def _main() -> None:
    home = Home.temporary()
    server = EmbeddedPostgres(home, durable=False)
    try:
        await server.start()
        url = make_url(server.url).set(database="million").render_as_string(hide_password=False)
        await bootstrap(url, ServicePasswords(*(secrets.token_hex(8) for _ in fields(ServicePasswords))))
        connection = await connect(url, "million")
        try:
            await fill(connection)
            STATISTICS.write_text(json.dumps(await statistics(connection), ensure_ascii=False, indent=0) + "\n")
        finally:
            await connection.close(timeout=5)
    finally:
        await server.stop()
        home.destroy()


if __name__ == "__main__":
    asyncio.run(_main())
