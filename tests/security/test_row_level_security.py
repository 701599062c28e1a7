"""A bot's own role with arbitrary SQL: it reaches its own rows and nothing else, whatever it sets, shadows or locks."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from hanfleet.core.messages import Entity, InboundMessage, Person, SessionSnapshot, UpdateBatch, UpdateState
from hanfleet.store.records import OutboxKind, Part, ScheduleKind, TurnDecision
from hanfleet.store.roles import RoleNames
from tests.integration.store.conversation_steps import NOON, clear
from tests.support.database import OPERATOR, SYSTEM, BotLogIn, Database

DENIED = asyncpg.InsufficientPrivilegeError

#: Tables of bots that a bot reads; all of them hold rows of both bots in these tests.
READABLE = (
    "bots",
    "bot_counters",
    "secrets",
    "sessions",
    "session_entities",
    "user_profiles",
    "conversations",
    "messages",
    "turns",
    "outbox",
    "events",
    "metrics_data",
    "facts",
    "summaries",
    "schedules",
)
CLOSED = (
    "bot_roles",
    "bot_keys",
    "leases",
    "heartbeats",
    "installation",
    "alembic_version",
    "imports",
    "imported",
    "operators",
    "grants",
    "tokens",
    "webhooks",
    "alerts",
)


@dataclass
class _Attack:
    """``mallory`` has the connection, ``anna`` is whom it is after."""

    database: Database
    mallory: BotLogIn
    anna: BotLogIn
    raw: Any
    admin: Any


async def _fill(database: Database, bot: BotLogIn) -> None:
    snapshot = SessionSnapshot(2, "x", 1, b"k", 5, False, UpdateState(1, 1, NOON, 1), (Entity(5, 6, "user"),))
    inbound = UpdateBatch(None, (InboundMessage(1, 10, "secret words", NOON, Person(1, "Ann")),))
    async with bot.store.transaction(bot.principal) as tx:
        await tx.sessions.save_identity(bot.bot_id, snapshot, clear)
        await tx.inbox.take(bot.bot_id, inbound, NOON, 0, clear)
        await tx.turns.commit(bot.bot_id, TurnDecision(1, 10, (Part(OutboxKind.DISCLOSURE, "I am an AI."),)))
        await tx.metrics.record(bot.bot_id, {"x": 1.0}, NOON)
        await tx.facts.learn(bot.bot_id, 1, {"home": "Ann lives by the sea."})
        await tx.summaries.add(bot.bot_id, 1, "They said hello.", through=uuid4())
        await tx.schedules.plan(bot.bot_id, 1, ScheduleKind.FOLLOW_UP, NOON)
    async with database.supervisor.transaction(SYSTEM) as tx:
        await tx.secrets.put(bot.bot_id, "openai_api_key", b"sealed")
        await tx.keys.add(bot.bot_id, b"wrapped")


@pytest.fixture
async def attack(database: Database) -> _Attack:
    mallory, anna = await database.add_bot("mallory"), await database.add_bot("anna")
    for bot in (mallory, anna):
        await _fill(database, bot)
    return _Attack(database, mallory, anna, await database.connect(mallory.url), await database.connect())


async def test_every_table_shows_a_bot_its_own_rows_alone(attack: _Attack) -> None:
    for table in READABLE:
        both = {row["bot_id"] for row in await attack.admin.fetch(f"SELECT bot_id FROM {table}")}
        assert both >= {"anna", "mallory"}, table
        seen = {row["bot_id"] for row in await attack.raw.fetch(f"SELECT bot_id FROM {table}")}
        assert seen == {"mallory"}, table


async def test_every_other_table_is_closed(attack: _Attack) -> None:
    for table in CLOSED:
        with pytest.raises(DENIED):
            await attack.raw.fetch(f"SELECT * FROM {table}")


async def test_no_table_is_forgotten_in_these_tests(attack: _Attack) -> None:
    rows = await attack.admin.fetch(
        "SELECT relname, relrowsecurity FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p') AND NOT relispartition"
    )
    assert {row["relname"] for row in rows} == {*READABLE, *CLOSED}
    unprotected = {row["relname"] for row in rows if not row["relrowsecurity"]}
    assert unprotected == {"bot_roles", "leases", "installation", "alembic_version"}


async def test_no_partition_can_be_touched(attack: _Attack) -> None:
    partitions = await attack.admin.fetch(
        "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    assert len(partitions) >= 8 * 3 + 2 * 4
    for partition in partitions:
        for statement in (
            f"SELECT * FROM {partition['relname']}",
            f"DELETE FROM {partition['relname']}",
            f"TRUNCATE {partition['relname']}",
            f"COPY {partition['relname']} TO STDOUT",
        ):
            with pytest.raises(DENIED):
                await attack.raw.execute(statement)


FOREIGN_INSERTS = {
    "sessions": "(bot_id, is_bot, dc_id, server_address, port, auth_key_sealed, updated_at)"
    " VALUES ('anna', true, 1, '', 1, '', now())",
    "session_entities": "(bot_id, entity_id, kind, access_hash_sealed) VALUES ('anna', 9, 'user', '')",
    "user_profiles": "(bot_id, id, chat_id, created_at) VALUES ('anna', gen_random_uuid(), 9, now())",
    "conversations": "(bot_id, id, chat_id, timestamp) VALUES ('anna', gen_random_uuid(), 9, now())",
    "messages": "(bot_id, id, chat_id, direction, author, text, created_at)"
    " VALUES ('anna', gen_random_uuid(), 1, 'in', 'contact', 'x', now())",
    "turns": "(bot_id, chat_id, newest_inbound, id, reason, created_at)"
    " VALUES ('anna', 1, 99, gen_random_uuid(), 'x', now())",
    "outbox": "(bot_id, id, chat_id, part, position, kind, text, random_id, created_at)"
    " VALUES ('anna', gen_random_uuid(), 1, 0, 99, 'reply', 'spam', 5, now())",
    "events": "(id, type, version, source, bot_id, seq, data, correlation_id, timestamp)"
    " VALUES (gen_random_uuid(), 'user.x', 1, 'worker', 'anna', 99, '{}', gen_random_uuid(), now())",
    "metrics_data": "(bot_id, name, value, timestamp) VALUES ('anna', 'x', 1, now())",
    "facts": "(bot_id, chat_id, topic, fact, learned_at) VALUES ('anna', 1, 'work', 'x', now())",
    "summaries": "(bot_id, id, chat_id, summary, through, created_at)"
    " VALUES ('anna', gen_random_uuid(), 1, 'x', gen_random_uuid(), now())",
    "schedules": "(bot_id, id, chat_id, kind, due_at, created_at)"
    " VALUES ('anna', gen_random_uuid(), 1, 'starter', now(), now())",
}


@pytest.mark.parametrize("table", FOREIGN_INSERTS)
async def test_no_row_can_be_written_for_another_bot(attack: _Attack, table: str) -> None:
    statement = f"INSERT INTO {table} {FOREIGN_INSERTS[table]}"
    with pytest.raises(DENIED, match="row-level security"):
        await attack.raw.execute(statement)
    # The statement itself is sound: as its own bot it works, or stops at a key that exists.
    with suppress(asyncpg.IntegrityConstraintViolationError):
        await attack.raw.execute(statement.replace("'anna'", "'mallory'"))


UPDATES = {
    "sessions": "pts = 0",
    "session_entities": "name = ''",
    "user_profiles": "disclosed_at = now()",
    "conversations": "reply_due_at = NULL",
    "messages": "text = 'x'",
    "outbox": "state = 'cancelled'",
    "bot_counters": "event_seq = 0",
    "facts": "fact = 'x'",
    "schedules": "state = 'done', settled_at = now()",
}


@pytest.mark.parametrize("table", UPDATES)
async def test_an_update_without_a_condition_changes_own_rows_alone(attack: _Attack, table: str) -> None:
    before = await attack.admin.fetch(f"SELECT * FROM {table} WHERE bot_id = 'anna'")
    await attack.raw.execute(f"UPDATE {table} SET {UPDATES[table]}")
    assert await attack.admin.fetch(f"SELECT * FROM {table} WHERE bot_id = 'anna'") == before
    with pytest.raises(DENIED):
        await attack.raw.execute(f"UPDATE {table} SET bot_id = 'anna'")


@pytest.mark.parametrize("table", [*READABLE, *CLOSED])
async def test_nothing_is_deleted_truncated_or_locked(attack: _Attack, table: str) -> None:
    for statement in (
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        f"DROP TABLE {table}",
    ):
        with pytest.raises(DENIED):
            await attack.raw.execute(statement)
    with suppress(DENIED):  # without a grant option PostgreSQL warns and grants nothing
        await attack.raw.execute(f"GRANT SELECT ON {table} TO PUBLIC")
    assert not await attack.admin.fetchval("SELECT has_table_privilege('public', $1::text, 'SELECT')", table)
    for mode in ("ACCESS EXCLUSIVE", "EXCLUSIVE", "SHARE ROW EXCLUSIVE", "SHARE"):
        async with attack.raw.transaction():
            await attack.raw.execute("SAVEPOINT before")
            with pytest.raises(DENIED):
                await attack.raw.execute(f"LOCK TABLE {table} IN {mode} MODE")
            await attack.raw.execute("ROLLBACK TO before")


async def test_immutable_columns_stay(attack: _Attack) -> None:
    for statement in (
        "UPDATE bots SET desired_state = 'running'",
        "UPDATE outbox SET kind = 'disclosure'",
        "UPDATE outbox SET text = 'I am human.'",
        "UPDATE outbox SET random_id = 7",
        "UPDATE events SET published_at = now()",
        "UPDATE secrets SET sealed = ''",
        "UPDATE turns SET reason = ''",
    ):
        with pytest.raises(DENIED):
            await attack.raw.execute(statement)


async def test_no_setting_and_no_other_role_helps(attack: _Attack) -> None:
    roles = RoleNames.of(attack.database.install_id)
    for setting in ("operator:olga", "system:supervisor", "bot:anna"):
        await attack.raw.execute(f"SET hanfleet.principal = '{setting}'")
        assert await attack.raw.fetchval("SELECT count(*) FROM messages WHERE bot_id = 'anna'") == 0
    await attack.raw.execute("SET row_security = on")
    for role in (*vars(roles).values(), attack.anna.role_name, "admin", "pg_read_all_data"):
        for statement in (f"SET ROLE {role}", f"SET SESSION AUTHORIZATION {role}", f"GRANT {role} TO CURRENT_USER"):
            with pytest.raises(DENIED):
                await attack.raw.execute(statement)
    await attack.raw.execute("SET row_security = off")
    with pytest.raises(DENIED, match="row-level security"):
        await attack.raw.fetch("SELECT * FROM messages")


async def test_nothing_can_be_made_that_would_stand_in_for_something(attack: _Attack) -> None:
    for statement in (
        "CREATE TEMP TABLE bot_roles (bot_id text, role_name name)",
        "CREATE TABLE public.x ()",
        "CREATE SCHEMA x",
        "CREATE FUNCTION public.my_bot() RETURNS text LANGUAGE sql AS $$ SELECT 'anna' $$",
        "CREATE FUNCTION pg_temp.my_bot() RETURNS text LANGUAGE sql AS $$ SELECT 'anna' $$",
        "CREATE VIEW pg_temp.v AS SELECT 1",
        "CREATE EXTENSION pg_stat_statements",
        "CREATE ROLE x",
        "CREATE DATABASE x",
    ):
        with pytest.raises(asyncpg.exceptions.PostgresError) as refused:
            await attack.raw.execute(statement)
        assert getattr(refused.value, "sqlstate", None) in {"42501", "3F000"}, statement
    await attack.raw.execute("SET search_path = pg_temp, pg_catalog, public")
    assert await attack.raw.fetchval("SELECT my_bot()") == "mallory"


async def test_server_wide_means_are_closed(attack: _Attack) -> None:
    for statement in (
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_xact_lock(1)",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_ls_dir('.')",
        "COPY messages TO PROGRAM 'cat'",
        "COPY messages FROM '/etc/passwd'",
        "SET temp_file_limit = -1",
        "ALTER SYSTEM SET fsync = off",
        "CHECKPOINT",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{attack.anna.role_name}'",
        f"ALTER ROLE {attack.anna.role_name} PASSWORD 'x'",
        "SELECT ensure_month_partitions()",
        "SELECT * FROM pg_authid",
    ):
        with pytest.raises(DENIED):
            await attack.raw.execute(statement)
    assert await attack.raw.fetchval("SHOW temp_file_limit") == "64MB"


async def test_events_of_the_system_and_of_others_sources_are_refused(attack: _Attack) -> None:
    insert = (
        "INSERT INTO events (id, type, version, source, bot_id, seq, data, correlation_id, timestamp, published_at)"
        " VALUES (gen_random_uuid(), $1, 1, $2, $3, $4, '{}', gen_random_uuid(), now(), $5)"
    )
    for event_type, source, bot_id, seq, published in (
        ("system.supervisor.leader_elected", "worker", "mallory", 90, None),
        ("multibot.contact.shared_detected", "worker", "mallory", 90, None),
        ("user.message.sent", "supervisor", "mallory", 90, None),
        ("user.message.sent", "worker", None, None, None),
        ("user.message.sent", "worker", "mallory", 90, NOON),
    ):
        with pytest.raises(DENIED):
            await attack.raw.execute(insert, event_type, source, bot_id, seq, published)
    await attack.raw.execute(insert, "user.message.sent", "worker", "mallory", 90, None)


async def test_leases_and_heartbeats_only_through_functions_and_only_ones_own(attack: _Attack) -> None:
    epochs = {row["name"]: row["epoch"] for row in await attack.admin.fetch("SELECT name, epoch FROM leases")}
    assert epochs.keys() == {"bot:anna", "bot:mallory"}
    before = await attack.admin.fetch("SELECT * FROM leases WHERE name = 'bot:anna'")
    # Both epochs are 1: only the login role tells whose lease is meant.
    assert await attack.raw.fetchval("SELECT claim_lease($1, 'n', 'b', 1, 1, 1e9)", epochs["bot:anna"]) is not None
    assert await attack.admin.fetch("SELECT * FROM leases WHERE name = 'bot:anna'") == before
    lasts = await attack.admin.fetchval("SELECT expires_at - now() < '6 min' FROM leases WHERE name = 'bot:mallory'")
    assert lasts is True
    await attack.raw.fetchval("SELECT beat(1, 'running', 0, true, NULL, NULL, 1, 1, 0, 0, NULL)")
    assert [row["bot_id"] for row in await attack.admin.fetch("SELECT bot_id FROM heartbeats")] == ["mallory"]
    await attack.raw.execute("SELECT forget_my_session()")
    assert [row["bot_id"] for row in await attack.admin.fetch("SELECT bot_id FROM sessions")] == ["anna"]


async def test_a_role_without_a_bot_sees_nothing(attack: _Attack) -> None:
    await attack.admin.execute("DELETE FROM bot_roles WHERE bot_id = 'mallory'")
    for table in READABLE:
        assert await attack.raw.fetch(f"SELECT * FROM {table}") == []


async def test_other_databases_and_more_connections_are_closed(attack: _Attack) -> None:
    from sqlalchemy.engine import make_url

    with pytest.raises(asyncpg.TooManyConnectionsError):
        await attack.database.connect(attack.mallory.url)  # its store has one, this test another
    await attack.raw.close()
    other = "hf_other_" + attack.database.name[-8:]
    await attack.admin.execute(f"CREATE DATABASE {other} TEMPLATE template0")
    try:
        await attack.admin.execute(f"REVOKE ALL ON DATABASE {other} FROM PUBLIC")
        url = make_url(attack.mallory.url).set(database=other).render_as_string(hide_password=False)
        with pytest.raises(DENIED):
            await attack.database.connect(url)
    finally:
        await attack.admin.execute(f"DROP DATABASE {other}")


async def test_the_api_sees_rows_only_as_somebody(attack: _Attack) -> None:
    api = await attack.database.connect(attack.database.urls.api)
    assert await api.fetch("SELECT * FROM bots") == []
    async with attack.database.api.transaction(OPERATOR) as tx:
        assert len(await tx.bots.list()) == 2
    for statement in ("SELECT * FROM bot_roles", "UPDATE leases SET epoch = 9", "SET ROLE admin", "CREATE ROLE x"):
        with pytest.raises(DENIED):
            await api.execute(statement)


async def test_no_runtime_role_is_more_than_it_must_be(attack: _Attack) -> None:
    rows = await attack.admin.fetch(
        "SELECT rolname::text, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication FROM pg_roles"
        " WHERE rolname LIKE $1",
        f"hf_{attack.database.install_id}_%",
    )
    provisioner = RoleNames.of(attack.database.install_id).provisioner
    assert len(rows) >= 7
    for row in rows:
        for power in ("rolsuper", "rolcreatedb", "rolbypassrls", "rolreplication"):
            assert not row[power]
        assert row["rolcreaterole"] == (row["rolname"] == provisioner)
