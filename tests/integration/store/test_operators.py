"""Operators and grants: what the API's role sees and writes depends on who it acts for."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from hanfleet.core.errors import ConflictError, NotFoundError, PermanentError
from hanfleet.store.operator_records import Role
from hanfleet.store.principals import OperatorPrincipal
from hanfleet.store.records import ScheduleKind
from tests.integration.store.conversation_steps import ANN, NOON, disclose
from tests.security.tables import TABLES
from tests.support.database import OPERATOR, SYSTEM, Database

IVAN = OperatorPrincipal("ivan")
FOUNDER = OperatorPrincipal("owner")

#: Every table whose rows the API sees by bot, filled by `_fill`.
BY_BOT = (
    "bots", "bot_keys", "bot_counters", "secrets", "user_profiles", "conversations", "messages", "turns", "outbox",
    "events", "metrics_data", "heartbeats", "imports", "facts", "summaries", "schedules", "webhooks", "alerts",
)  # fmt: skip


async def _fill(database: Database, *bot_ids: str) -> None:
    admin = await database.connect()
    for bot_id in bot_ids:
        bot = await database.add_bot(bot_id)
        await disclose(bot)
        async with bot.store.transaction(bot.principal) as tx:
            await tx.metrics.record(bot_id, {"x": 1.0}, datetime.now(UTC))
            await tx.facts.learn(bot_id, ANN, {"home": "Ann lives by the sea."})
            await tx.summaries.add(
                bot_id, ANN, "They said hello.", through=(await tx.messages.list(bot_id, ANN))[-1].id
            )
            await tx.schedules.plan(bot_id, ANN, ScheduleKind.STARTER, NOON)
        async with database.api.transaction(SYSTEM) as tx:
            await tx.secrets.put(bot_id, "openai_api_key", b"sealed")
            await tx.keys.add(bot_id, b"wrapped")
        for statement in (
            "INSERT INTO heartbeats VALUES ($1, 1, 'running', 0, true, NULL, NULL, 1, 1, 0, 0, NULL, now())",
            "INSERT INTO imports (id, bot_id, made_bot, started_at) VALUES (gen_random_uuid(), $1, false, now())",
            "INSERT INTO webhooks VALUES (gen_random_uuid(), $1, 'https://x', 'x', '{a}', 'active', now(), now())",
            "INSERT INTO alerts VALUES (gen_random_uuid(), $1, 'x', 'info', '', now(), NULL, NULL, NULL)",
        ):
            await admin.execute(statement, bot_id)


async def _seen(database: Database, principal: OperatorPrincipal) -> dict[str, set[str]]:
    api = await database.connect(database.urls.api)
    async with api.transaction():
        await api.execute("SELECT set_config('hanfleet.principal', $1, true)", principal.setting)
        return {table: {row["bot_id"] for row in await api.fetch(f"SELECT bot_id FROM {table}")} for table in BY_BOT}


async def test_an_operator_sees_the_bots_of_live_grants_and_nothing_else(database: Database) -> None:
    await _fill(database, "anna", "berta")
    assert await _seen(database, IVAN) == {table: set() for table in BY_BOT}
    async with database.api.transaction(SYSTEM) as tx:
        await tx.operators.add("ivan")
        await tx.operators.grant("ivan", Role.OPERATOR, bot_id="anna")
    assert await _seen(database, IVAN) == {table: {"anna"} for table in BY_BOT}
    async with database.api.transaction(OPERATOR) as tx:
        await tx.operators.grant("ivan", Role.VIEWER)
    assert await _seen(database, IVAN) == {table: {"anna", "berta"} for table in BY_BOT}
    async with database.api.transaction(OPERATOR) as tx:
        assert await tx.operators.revoke("ivan")
        assert [grant.bot_id for grant in await tx.operators.grants("ivan")] == ["anna"]
        await tx.operators.disable("ivan")
    assert await _seen(database, IVAN) == {table: set() for table in BY_BOT}


async def test_an_operator_without_a_grant_writes_nothing_of_the_bot(database: Database) -> None:
    await _fill(database, "anna")
    async with database.api.transaction(SYSTEM) as tx:
        await tx.operators.add("ivan")
    api = await database.connect(database.urls.api)
    admin = await database.connect()
    async with api.transaction():
        await api.execute("SELECT set_config('hanfleet.principal', 'operator:ivan', true)")
        for table in BY_BOT:
            before = await admin.fetch(f"SELECT * FROM {table}")
            if table != "imports":  # the API only reads those
                assert await api.execute(f"DELETE FROM {table}") == "DELETE 0"
            rights = TABLES[table]
            for column in rights.columns("api") or (["bot_id"] if "w" in rights.verbs("api") else []):
                assert await api.execute(f"UPDATE {table} SET {column} = {column}") == "UPDATE 0"
            assert await admin.fetch(f"SELECT * FROM {table}") == before
        for insert in (
            "facts VALUES ('anna', 501, 'work', 'x', now())",
            "metrics_data VALUES ('anna', 'x', 1, now())",
            "webhooks VALUES (gen_random_uuid(), NULL, 'https://x', 'x', '{a}', 'active', now(), now())",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                async with api.transaction():
                    await api.execute(f"INSERT INTO {insert}")
    with pytest.raises(PermanentError, match="row-level security"):
        async with database.api.transaction(IVAN) as tx:
            await tx.bots.add("berta", {"name": "Berta"})


async def test_who_has_a_grant_for_one_bot_adds_no_other(database: Database) -> None:
    await _fill(database, "anna")
    async with database.api.transaction(SYSTEM) as tx:
        await tx.operators.add("ivan")
        await tx.operators.grant("ivan", Role.OWNER, bot_id="anna")
    with pytest.raises(PermanentError, match="row-level security"):
        async with database.api.transaction(IVAN) as tx:
            await tx.bots.add("berta", {"name": "Berta"})
    async with database.api.transaction(IVAN) as tx:
        assert await tx.contacts.set_paused("anna", ANN, NOON)


async def test_whoever_holds_the_first_token_has_every_bot(database: Database) -> None:
    async with database.api.transaction(FOUNDER) as tx:
        await tx.bots.add("anna", {"name": "Anna"})
        assert [bot.bot_id for bot in await tx.bots.list()] == ["anna"]
        (grant,) = await tx.operators.grants("owner")
    assert (grant.bot_id, grant.role, grant.granted_by) == (None, Role.OWNER, "system:migration")


async def test_nobody_raises_their_own_grant(database: Database) -> None:
    await _fill(database, "anna")
    async with database.api.transaction(OPERATOR) as tx:
        await tx.operators.add("ivan")
        await tx.operators.grant("ivan", Role.VIEWER)
    async with database.api.transaction(IVAN) as tx:
        assert [grant.role for grant in await tx.operators.grants("ivan")] == [Role.VIEWER]
        assert await tx.operators.get("olga") is None
        assert not await tx.operators.revoke("ivan")
    with pytest.raises(PermanentError, match="row-level security"):
        async with database.api.transaction(IVAN) as tx:
            await tx.operators.grant("ivan", Role.OWNER)
    with pytest.raises(NotFoundError):
        async with database.api.transaction(IVAN) as tx:
            await tx.operators.disable("olga")


async def test_a_grant_is_one_per_operator_and_bot(database: Database) -> None:
    async with database.api.transaction(OPERATOR) as tx:
        await tx.operators.add("ivan")
        for role in (Role.VIEWER, Role.ADMIN):
            await tx.operators.grant("ivan", role)
        (grant,) = await tx.operators.grants("ivan")
        assert (grant.role, grant.granted_by) == (Role.ADMIN, "operator:olga")
    with pytest.raises(ConflictError):
        async with database.api.transaction(OPERATOR) as tx:
            await tx.operators.add("ivan")


async def test_the_policy_is_asked_once_a_statement(database: Database) -> None:
    api = await database.connect(database.urls.api)
    async with api.transaction():
        await api.execute("SELECT set_config('hanfleet.principal', 'operator:olga', true)")
        plan = "\n".join(row[0] for row in await api.fetch("EXPLAIN SELECT * FROM messages WHERE bot_id = 'anna'"))
    assert "Filter: ((InitPlan 1).col1 OR (bot_id = ANY ((InitPlan 2).col1)))" in plan
    assert plan.count("Scan on messages_") + plan.count("Scan using messages_") == 1


async def test_an_api_without_a_principal_sees_nothing(database: Database) -> None:
    await _fill(database, "anna")
    api = await database.connect(database.urls.api)
    for table in (*BY_BOT, "operators", "grants", "tokens"):
        assert await api.fetch(f"SELECT 1 FROM {table}") == [], table


async def test_times_are_those_of_the_clock(database: Database) -> None:
    async with database.api.transaction(OPERATOR) as tx:
        await tx.operators.add("ivan")
        ivan = await tx.operators.get("ivan")
    assert ivan is not None
    assert ivan.disabled_at is None
    assert abs(database.clock.now() - ivan.created_at) < timedelta(minutes=5)
