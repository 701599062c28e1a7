"""Chains: unbroken under concurrency, apart from hostile bots, open to nobody who runs."""

import asyncio
from typing import Any

import asyncpg
import pytest

from hanfleet.control.verification import verify
from hanfleet.core.states import DesiredState
from tests.integration.store.test_audit_triggers import entries, talk
from tests.support.database import OPERATOR, SYSTEM, Database
from tests.support.waiting import eventually

DENIED = asyncpg.InsufficientPrivilegeError
TABLES = ("audit", "audit_default", "audit_chains", "audit_checkpoints")


async def _writers(database: Database) -> dict[str, Any]:
    """Everyone who runs, logged in."""
    bot = await database.add_bot()
    urls = {
        "supervisor": database.urls.supervisor,
        "api": database.urls.api,
        "provisioner": database.urls.provisioner,
        "bot": bot.url,
    }
    return {role: await database.connect(url) for role, url in urls.items()}


async def test_nobody_who_runs_can_change_or_add_an_entry(database: Database) -> None:
    writers = await _writers(database)
    admin = await database.connect()
    months = [row["t"] for row in await admin.fetch("SELECT inhrelid::regclass::text AS t FROM pg_inherits"
                                                    " WHERE inhparent = 'audit'::regclass")]  # fmt: skip
    before = await entries(database)
    assert before
    for role, raw in writers.items():
        for table in {*TABLES, *months}:
            for statement in (
                f"INSERT INTO {table} (chain, seq) VALUES ('x', 1)",
                f"UPDATE {table} SET seq = 9",
                f"DELETE FROM {table}",
                f"TRUNCATE {table}",
                f"SELECT 1 FROM {table} FOR UPDATE",
                f"ALTER TABLE {table} DISABLE TRIGGER ALL",
                f"DROP TABLE {table}",
            ):
                with pytest.raises(DENIED):
                    await raw.execute(statement)
        for call in (
            "audit_append('fleet', 'operator:olga', 'insert', 'x', NULL, 'x', NULL, NULL, NULL)",
            "audit_note('insert', 'x', NULL, 'x', NULL, NULL)",
        ):
            with pytest.raises(DENIED):
                await raw.execute(f"SELECT {call}")
        if role != "supervisor":
            with pytest.raises(DENIED):
                await raw.execute("SELECT drop_old_audit(90)")
    assert await entries(database) == before


async def test_only_the_api_reads_it_and_only_for_somebody(database: Database) -> None:
    writers = await _writers(database)
    for role in ("supervisor", "provisioner", "bot"):
        with pytest.raises(DENIED):
            await writers[role].fetch("SELECT * FROM audit")
    for role in ("api", "provisioner", "bot"):
        with pytest.raises(DENIED):
            await writers[role].fetch("SELECT * FROM audit_chains")
    assert await writers["api"].fetch("SELECT * FROM audit") == []
    async with database.api.transaction(OPERATOR) as tx:
        assert await tx.audit.page()


async def test_two_at_once_on_one_chain_leave_it_unbroken(database: Database) -> None:
    """Each has rows of its own, so that nothing but the chain makes one wait for the other."""
    await database.add_bot()

    async def put_often(name: str) -> None:
        for _ in range(20):
            async with database.api.transaction(OPERATOR) as tx:
                await tx.secrets.put("anna", name, b"sealed")

    await asyncio.gather(*map(put_often, ("telegram_api_hash", "telegram_bot_token", "openai_api_key")))
    result = await verify(await database.store(database.urls.owner), [])
    assert result.sound
    assert len(await entries(database, "secret")) == 60


async def test_a_new_chain_that_two_begin_at_once_has_one_beginning(database: Database) -> None:
    admin, other = await database.connect(), await database.connect()
    begun = admin.transaction()
    await begun.start()
    begin = "SELECT audit_note('insert', 'x', 'new', 'x', NULL, NULL)"
    await admin.execute(begin)
    second = asyncio.create_task(other.execute(begin))
    third = await database.connect()
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = $1"

    async def is_waiting() -> bool:
        return bool(await third.fetchval(waits, other.get_server_pid()))

    await eventually(is_waiting)
    await begun.commit()
    await second
    result = await verify(await database.store(database.urls.owner), [])
    assert result.sound
    assert [row["seq"] for row in await entries(database, "x")] == [1, 2]


async def test_a_bot_that_holds_its_chain_holds_up_nobody_else(database: Database) -> None:
    anna, bella = await database.add_bot("anna"), await database.add_bot("bella")
    for bot in (anna, bella):
        await talk(bot)
    hostile = await database.connect(anna.url)
    held = hostile.transaction()
    await held.start()
    await hostile.execute("UPDATE user_profiles SET opted_out_at = now() WHERE bot_id = 'anna'")
    async with asyncio.timeout(2):
        async with database.api.transaction(OPERATOR) as tx:
            await tx.bots.set_desired("anna", DesiredState.STOPPED)
            await tx.secrets.put("anna", "openai_api_key", b"sealed")
        async with bella.store.transaction(bella.principal) as tx:
            await tx.contacts.set_opted_out("bella", 10, bella.store._clock.now())
        async with database.supervisor.transaction(SYSTEM) as tx:
            await tx.bots.set_desired("bella", DesiredState.STOPPED)
    assert {row["chain"] for row in await entries(database)} == {"bot:anna", "bot:bella", "worker:bella"}
    await held.rollback()
