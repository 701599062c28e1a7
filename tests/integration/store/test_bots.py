"""Bots, their secrets, their events, their end; and the hint that wakes the supervisor."""

from datetime import UTC, datetime, timedelta

import pytest

from hanfleet.core.config import BotConfig
from hanfleet.core.errors import ConflictError, NotFoundError
from hanfleet.core.failures import FailureKind
from hanfleet.core.states import BotState, DesiredState
from hanfleet.store.bots import DESIRED_CHANNEL
from tests.integration.store.conversation_steps import NOON, decide, load, message, take
from tests.support.database import OPERATOR, SYSTEM, Database

CONFIG = BotConfig(
    bot_id="anna", name="Anna", telegram_api_id=1, telegram_api_hash="0123456789", telegram_phone="+10005550001"
)


async def test_a_bot_is_added_changed_and_read(database: Database) -> None:
    async with database.api.transaction(OPERATOR) as tx:
        await tx.bots.add("anna", CONFIG.public())
        row = await tx.bots.get("anna")
        assert row is not None
        assert (row.config, row.config_version, row.status) == (CONFIG.public(), 1, BotState.CONFIGURING)
        assert row.desired_state is DesiredState.STOPPED
        changed = CONFIG.model_copy(update={"name": "Anya"}).public()
        assert await tx.bots.set_config("anna", changed, version_expected=1) == 2
        await tx.bots.set_desired("anna", DesiredState.RUNNING)
        assert await tx.bots.request_restart("anna") == 1
    async with database.supervisor.transaction(SYSTEM) as tx:
        assert await tx.bots.set_status("anna", BotState.CONFIGURING, BotState.STARTING)
        assert not await tx.bots.set_status("anna", BotState.CONFIGURING, BotState.STARTING)
        assert await tx.bots.set_status(
            "anna", BotState.STARTING, BotState.FAILED, reason="log in", failure_kind=FailureKind.REAUTH
        )
        await tx.bots.mark_generation("anna", 1)
        await tx.bots.mark_generation("anna", 0)
        await tx.bots.plan_restart("anna", 3, NOON)
        (row,) = await tx.bots.list()
    assert (row.name, row.status, row.status_reason, row.failure_kind) == (
        "Anya", BotState.FAILED, "log in", FailureKind.REAUTH,
    )  # fmt: skip
    assert (row.applied_generation, row.failures, row.not_before) == (1, 3, NOON)
    async with database.api.transaction(OPERATOR) as tx:
        events = await tx.events.list(bot_id="anna")
    assert [(event.type, event.source, event.seq) for event in events] == [
        ("bot.registry.registered", "control", 1),
        ("bot.config.updated", "control", 2),
        ("bot.lifecycle.desired", "control", 3),
        ("bot.lifecycle.state_changed", "supervisor", 4),
        ("bot.lifecycle.state_changed", "supervisor", 5),
    ]


async def test_what_is_not_there_and_what_changed_meanwhile_is_refused(database: Database) -> None:
    async with database.api.transaction(OPERATOR) as tx:
        await tx.bots.add("anna", CONFIG.public())
    with pytest.raises(ConflictError):
        async with database.api.transaction(OPERATOR) as tx:
            await tx.bots.add("anna", CONFIG.public())
    with pytest.raises(ConflictError, match="changed meanwhile"):
        async with database.api.transaction(OPERATOR) as tx:
            await tx.bots.set_config("anna", CONFIG.public(), version_expected=7)
    async with database.api.transaction(OPERATOR) as tx:
        assert await tx.bots.get("nobody") is None
        for step in (
            tx.bots.set_config("nobody", CONFIG.public()),
            tx.bots.set_desired("nobody", DesiredState.RUNNING),
            tx.bots.request_restart("nobody"),
        ):
            with pytest.raises(NotFoundError, match="nobody"):
                await step
        assert not await tx.bots.erase("nobody")


async def test_secrets_and_keys_are_kept_sealed_by_name(database: Database) -> None:
    async with database.api.transaction(OPERATOR) as tx:
        await tx.bots.add("anna", CONFIG.public())
        assert await tx.keys.read("anna") == []
        assert await tx.keys.add("anna", b"wrapped") == 1
        assert await tx.keys.add("anna", b"wrapped too") == 2
        await tx.secrets.put("anna", "telegram_api_hash", b"1")
        await tx.secrets.put("anna", "telegram_api_hash", b"2")
        await tx.secrets.put("anna", "openai_api_key", b"3")
        await tx.secrets.drop("anna", "openai_api_key")
    async with database.api.transaction(SYSTEM) as tx:
        assert await tx.secrets.all("anna") == {"telegram_api_hash": b"2"}
        assert [(key.number, key.wrapped) for key in await tx.keys.read("anna")] == [
            (1, b"wrapped"),
            (2, b"wrapped too"),
        ]
        await tx.keys.drop_older("anna", 2)
        assert [key.number for key in await tx.keys.all()] == [2]


async def test_erasing_a_bot_leaves_nothing_of_it_but_its_lease_and_its_trail(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10))
    await decide(bot, await load(bot), "hi")
    async with bot.store.transaction(bot.principal) as tx:
        await tx.metrics.record("anna", {"latency": 1.0}, datetime.now(UTC))
    await database.provisioner.drop_bot_role("anna")
    async with database.supervisor.transaction(SYSTEM) as tx:
        assert await tx.bots.erase("anna")
    raw = await database.connect()
    tables = await raw.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE a.attname = 'bot_id' AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
        " AND NOT starts_with(c.relname, 'audit')"
    )
    assert len(tables) > 14
    for table in tables:
        assert await raw.fetchval(f"SELECT count(bot_id) FROM {table['relname']}") == 0, table["relname"]
    async with database.supervisor.transaction(SYSTEM) as tx:
        assert await tx.leases.grant("bot:anna", 1) == bot.epoch + 1


async def test_numbers_are_kept_over_time(database: Database) -> None:
    bot = await database.add_bot()
    began = datetime.now(UTC)  # a bot writes numbers of now alone
    async with bot.store.transaction(bot.principal) as tx:
        for seconds in range(3):
            await tx.metrics.record("anna", {"latency": seconds, "lag": 0.5}, began + timedelta(seconds=seconds))
        rows = await tx.metrics.list("anna", "latency", began + timedelta(seconds=1))
    assert [row.value for row in rows] == [1.0, 2.0]


async def test_what_is_wanted_wakes_a_listener_also_after_a_lost_connection(database: Database) -> None:
    async with database.api.transaction(OPERATOR) as tx:
        await tx.bots.add("anna", CONFIG.public())
    async with database.supervisor.listen(DESIRED_CHANNEL) as hints:
        assert await hints.wait(10)  # connected
        assert not await hints.wait(0.05)
        async with database.api.transaction(OPERATOR) as tx:
            await tx.bots.set_desired("anna", DesiredState.RUNNING)
        assert await hints.wait(10)
        assert not await hints.wait(0.05)
        raw = await database.connect()
        ended = await raw.fetch(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = $1",
            database.name,
        )
        assert len(ended) == 1
        assert await hints.wait(10)  # a hint may have been lost
        while await hints.wait(0.2):
            pass  # the end and the new connection may count as one hint each
        async with database.api.transaction(OPERATOR) as tx:
            await tx.bots.request_restart("anna")
        assert await hints.wait(10)
