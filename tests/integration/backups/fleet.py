"""A fleet's rows to be backed up: every table that bots fill, with what is awkward to carry."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hanfleet.store import catalogue
from hanfleet.store.principals import BotPrincipal
from hanfleet.vault import MasterKey
from tests.support import filler
from tests.support.database import SYSTEM, BotLogIn, Database

MASTER = MasterKey(bytes(range(32)))
BEGUN = datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)
NASTY = "Привет 🐉 \x01\\N\t\r\n'\"\u202e e\u0301"
#: Named exceptions of "row for row": what belongs to a place or a moment, and what a restore puts to rest.
AT_REST = {"bots": ("desired_state", "status"), "bot_keys": ("after_epoch",), "sessions": ("restored_at",)}


async def fill(database: Database, *bots: str, running: bool = False) -> None:
    """Rows in every table that there is at this revision of the schema, for each of ``bots``."""
    connection = await database.connect()
    for bot_id in bots:
        async with database.api.transaction(SYSTEM) as tx:
            await tx.bots.add(bot_id, {"name": NASTY[:20], "deep": [None, {"ключ": 1e300}]})
        if running:
            await connection.execute(
                "UPDATE bots SET desired_state = 'running', status = 'running' WHERE bot_id = $1", bot_id
            )
        await _fill_bot(connection, bot_id)
    await connection.execute(
        "INSERT INTO events (id, type, version, source, data, correlation_id, timestamp)"
        " SELECT gen_random_uuid(), 'system.maintenance.started', 1, 'test', '{}', gen_random_uuid(), at"
        " FROM unnest($1::timestamptz[]) AS at",
        [BEGUN, datetime(2019, 5, 1, tzinfo=UTC)],  # the second lands in the default partition
    )


async def _fill_bot(connection: Any, bot_id: str) -> None:
    other = BEGUN + timedelta(microseconds=1)
    await connection.execute("INSERT INTO bot_keys (bot_id, key_id, wrapped) VALUES ($1, 1, $2)", *_key(bot_id))
    await connection.execute(
        "INSERT INTO secrets (bot_id, name, sealed) VALUES ($1, 'openai_api_key', $2), ($1, 'empty', '')",
        bot_id,
        bytes(range(256)),
    )
    await connection.execute(
        "INSERT INTO sessions (bot_id, telegram_user_id, is_bot, dc_id, server_address, port, auth_key_sealed, updated_at)"
        " VALUES ($1, 9223372036854775807, true, 2, '::1', 443, '\\x00ff', $2)",
        bot_id,
        BEGUN,
    )
    await connection.execute(
        "INSERT INTO session_entities (bot_id, entity_id, kind, access_hash_sealed, name) VALUES ($1, 5, 'user', '', $2)",
        bot_id,
        NASTY,
    )
    for chat_id in (5, -(2**63), 2**63 - 1):
        await connection.execute(
            "INSERT INTO user_profiles (bot_id, id, chat_id, name, profile_data, disclosed_at, created_at)"
            " VALUES ($1, gen_random_uuid(), $2, $3, $4, $5, $6)",
            bot_id,
            chat_id,
            NASTY,
            '{"facts": {"город": "Тверь"}, "zero": 0.0, "big": 123456789012345678901234567890}',
            other if chat_id == 5 else None,
            BEGUN,
        )
        await connection.execute(
            "INSERT INTO conversations (bot_id, id, chat_id, timestamp) VALUES ($1, gen_random_uuid(), $2, $3)",
            bot_id,
            chat_id,
            BEGUN,
        )
        await connection.execute(
            "INSERT INTO messages (bot_id, id, chat_id, telegram_id, direction, author, text, sent_at, created_at)"
            " SELECT $1, gen_random_uuid(), $2, NULLIF(n, 3) + 1, 'in', 'contact', repeat($3, n), $4, $4"
            " FROM generate_series(0, 200) AS n",
            bot_id,
            chat_id,
            NASTY,
            other,
        )
    await connection.execute(
        "INSERT INTO turns (bot_id, chat_id, newest_inbound, id, reason, created_at)"
        " VALUES ($1, 5, 7, gen_random_uuid(), '', $2)",
        bot_id,
        BEGUN,
    )
    await connection.execute(
        "INSERT INTO outbox (bot_id, id, position, chat_id, turn_id, part, kind, text, random_id, state, sent_at, created_at)"
        " VALUES ($1, gen_random_uuid(), 1, 5, gen_random_uuid(), 0, 'reply', $2, -1, 'sent', $3, $3),"
        " ($1, gen_random_uuid(), 2, 5, gen_random_uuid(), 0, 'reply', '', 1, 'pending', NULL, $3)",
        bot_id,
        NASTY,
        other,
    )
    await connection.execute(
        "INSERT INTO metrics_data (bot_id, name, value, timestamp) VALUES ($1, 'a', 'NaN', $2), ($1, 'a', '-0', $2)",
        bot_id,
        other,
    )
    import_id = await connection.fetchval(
        "INSERT INTO imports (id, bot_id, made_bot, started_at) VALUES (gen_random_uuid(), $1, true, $2) RETURNING id",
        bot_id,
        BEGUN,
    )
    await connection.execute(
        "INSERT INTO imported (bot_id, import_id, kind, chat_id) VALUES ($1, $2, 'contact', 5)", bot_id, import_id
    )


def _key(bot_id: str) -> tuple[str, bytes]:
    return bot_id, MASTER.wrap(bot_id, bot_id.encode().ljust(32, b"."))


async def contents(database: Database, *, bot_id: str | None = None) -> dict[str, list[str]]:
    """Every row of every table that is kept, as text, but for what a restore puts to rest."""
    connection = await database.connect()
    await connection.execute("SET timezone = 'UTC'; SET extra_float_digits = 3; SET bytea_output = 'hex'")
    tables = await (catalogue.tables(connection) if bot_id is None else catalogue.tables_of_bot(connection))
    found = {}
    for table in tables:
        columns = [name for name in table.columns if name not in AT_REST.get(table.name, ())]
        query = f"SELECT ROW({catalogue.quoted_list(columns)})::text AS row FROM {catalogue.quoted(table.name)}"
        if bot_id is None:
            rows = await connection.fetch(f"{query} ORDER BY 1")
        else:
            rows = await connection.fetch(f"{query} WHERE bot_id = $1 ORDER BY 1", bot_id)
        found[table.name] = [row["row"] for row in rows]
    await connection.close()
    return found


async def fill_the_rest(database: Database) -> None:
    """At least a row in every table, those too that nobody here has heard of."""
    connection = await database.connect()
    await filler.fill(connection)
    for row in await connection.fetch("SELECT bot_id, key_id FROM bot_keys"):
        await connection.execute(
            "UPDATE bot_keys SET wrapped = $3 WHERE bot_id = $1 AND key_id = $2", *row, _key(row[0])[1]
        )


async def let_in(database: Database, bot_id: str) -> BotLogIn:
    """What the supervisor does at a start: a lease, and a role of the bot's own."""
    async with database.supervisor.transaction(SYSTEM) as tx:
        epoch = await tx.leases.grant(f"bot:{bot_id}", 60)
    login = await database.provisioner.rotate(bot_id)
    store = await database.store(login.url)
    return BotLogIn(bot_id, epoch, login.url, login.role_name, store, BotPrincipal(bot_id))
