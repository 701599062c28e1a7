"""Every step of the schema, with rows in its tables: up, down and up again loses nothing that is older than the step,
and leaves the same schema. New steps are covered by being there.
"""

import json
from itertools import pairwise

import pytest
from asyncpg.exceptions import CheckViolationError

from hanfleet.core.errors import ConflictError, InvalidInputError
from hanfleet.store import migrate
from hanfleet.store.losses import Loss, losses, take_stock
from hanfleet.store.migrations import HEAD, REVISIONS
from tests.support.catalog import schema_of
from tests.support.database import Database
from tests.support.filler import contents, fill, missing


@pytest.mark.parametrize(("before", "step"), list(pairwise(REVISIONS)))
async def test_a_step_goes_up_down_and_up_again_with_rows(database: Database, before: str, step: str) -> None:
    owner = database.urls.owner
    admin, writer = await database.connect(), await database.connect(owner)
    # From nothing: what a step's way back forgets would stand already where it began from the newest.
    assert await migrate.downgrade(owner)
    assert await migrate.upgrade(owner, before)
    await fill(writer)
    old_rows, old_schema = await contents(admin), await schema_of(admin)

    assert await migrate.upgrade(owner, step)
    assert missing(old_rows, await contents(admin)) == []
    schema = await schema_of(admin)
    await fill(writer)
    all_rows = await contents(admin)
    older = {
        table: [{name: row[name] for name in rows[0] if name in row} for row in all_rows[table]]
        for table, rows in old_rows.items()
        if table in all_rows and rows
    }

    assert await migrate.downgrade(owner, before)
    assert await schema_of(admin) == old_schema
    assert missing(older, await contents(admin)) == []

    assert await migrate.upgrade(owner, step)
    assert await schema_of(admin) == schema
    assert missing(older, await contents(admin)) == []


async def test_values_that_cannot_be_do_not_stop_the_upgrade(database: Database) -> None:
    """A hostile bot may have written them before there was a constraint: they are mended, and all sound rows stay."""
    owner = database.urls.owner
    admin = await database.connect()
    assert await migrate.downgrade(owner, "0008")
    await fill(admin)
    sound = {table: len(rows) for table, rows in (await contents(admin)).items()}
    wrong = {
        "sessions": "telegram_user_id = -1",
        "user_profiles": "message_count = -1, profile_data = '[]'",
        "conversations": "newest_inbound = -1, answered_through = -1",
        "messages": "telegram_id = -telegram_id",
        "turns": "model_ms = -1",
        "outbox": "attempts = -1, answers = -1, telegram_id = -telegram_id",
    }
    for table, values in wrong.items():
        await admin.execute(f"UPDATE {table} SET {values}")
    assert await migrate.upgrade(owner)
    after = await contents(admin)
    assert {table: len(after[table]) for table in wrong} == {table: sound[table] for table in wrong}
    assert {row["message_count"] for row in after["user_profiles"]} == {0}
    assert {row["attempts"] for row in after["outbox"]} == {0}


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ("sessions", "port = 0"),
        ("sessions", "dc_id = -1"),
        ("turns", "newest_inbound = -1"),
        ("outbox", "part = -1"),
        ("outbox", "position = -1"),
    ],
)
async def test_what_leads_nowhere_goes_with_the_upgrade_and_nothing_else(
    database: Database, table: str, wrong: str
) -> None:
    owner = database.urls.owner
    admin = await database.connect()
    assert await migrate.downgrade(owner, "0008")
    await fill(admin)
    before = await contents(admin)
    [one, *_] = before[table]
    await admin.execute(f"UPDATE {table} SET {wrong} WHERE to_jsonb({table}) = $1", json.dumps(one))
    assert await migrate.upgrade(owner)
    [gone] = missing(before, await contents(admin))
    assert gone.startswith(f"{table}: ")


async def test_counters_that_a_bot_turned_back_do_not_stop_the_upgrade(database: Database) -> None:
    """Until 0006 bots could write any number there. What waits in the outbox keeps its place, and what comes is behind."""
    owner = database.urls.owner
    admin = await database.connect()
    assert await migrate.downgrade(owner, "0005")
    await fill(admin)
    await admin.execute("UPDATE bot_counters SET event_seq = -9000000000, outbox_seq = -1")
    positions = await admin.fetch("SELECT bot_id, max(position) AS newest FROM outbox GROUP BY bot_id")
    assert positions
    assert await migrate.upgrade(owner)
    counters = {row["bot_id"]: row for row in await admin.fetch("SELECT * FROM bot_counters")}
    assert {row["event_seq"] for row in counters.values()} == {0}
    assert {bot_id: counters[bot_id]["outbox_seq"] for bot_id, _ in positions} == dict(positions)
    with pytest.raises(CheckViolationError, match="counters go up"):
        await admin.execute("UPDATE bot_counters SET event_seq = event_seq + 1000000")


async def test_all_steps_at_once_lead_where_single_ones_do(database: Database) -> None:
    owner = database.urls.owner
    admin, writer = await database.connect(), await database.connect(owner)
    whole = await schema_of(admin)
    await fill(writer)
    assert all((await contents(admin)).values())
    assert await migrate.downgrade(owner)
    for step in REVISIONS:
        assert await migrate.upgrade(owner, step)
    assert await schema_of(admin) == whole


async def test_what_a_step_back_loses_is_counted_before_it_is_done(database: Database) -> None:
    owner = database.urls.owner
    admin, writer = await database.connect(), await database.connect(owner)
    await fill(writer)
    before, schema = await contents(admin), await schema_of(admin)
    await writer.close()

    lost = await migrate.step_back(owner, REVISIONS[0], only_tell=True)
    assert Loss("imports", None, len(before["imports"]), whole=True) in lost
    assert Loss("imported", None, len(before["imported"]), whole=True) in lost
    assert await contents(admin) == before
    assert await schema_of(admin) == schema

    assert await migrate.step_back(owner, REVISIONS[0], only_tell=False) == lost
    assert await migrate.current(owner) == REVISIONS[0]
    after = await contents(admin)
    assert {loss.table for loss in lost if loss.whole} == set(before) - set(after)


async def test_columns_and_rows_that_go_are_losses_too(database: Database) -> None:
    """A step that exists for this test alone: it takes a column and some of the rows."""
    raw = await database.connect(database.urls.owner)
    await fill(raw)
    bots = await raw.fetchval("SELECT count(*) FROM bots")
    before = await _stock(database)
    await raw.execute("ALTER TABLE bots DROP COLUMN failure_kind; DELETE FROM metrics_data")
    found = losses(before, await _stock(database))
    assert [(loss.table, loss.column, loss.whole) for loss in found] == [
        ("bots", "failure_kind", False),
        ("metrics_data", None, False),
    ]
    assert 0 < found[0].rows < bots  # one bot was filled without it
    assert found[1].rows > 0


@pytest.mark.parametrize("target", ["base", HEAD, "9999", "0000"])
async def test_only_an_earlier_revision_is_gone_back_to(database: Database, target: str) -> None:
    with pytest.raises(InvalidInputError, match=f"cannot go back to {target}: choose one of 0001"):
        await migrate.step_back(database.urls.owner, target, only_tell=False)


async def test_nobody_moves_the_schema_beneath_a_fleet(database: Database) -> None:
    bot = await database.add_bot()
    await migrate.downgrade(database.urls.owner, REVISIONS[-2])
    worker = await database.connect(bot.url)
    with pytest.raises(ConflictError, match="A fleet is connected to this database"):
        await migrate.upgrade(database.urls.owner, alone=True)
    with pytest.raises(ConflictError, match="A fleet is connected to this database"):
        await migrate.step_back(database.urls.owner, REVISIONS[0], only_tell=True)
    assert await migrate.current(database.urls.owner) == REVISIONS[-2]
    await worker.close()


async def _stock(database: Database) -> dict[str, tuple[int, dict[str, int]]]:
    return await migrate._in_transaction(database.urls.owner, take_stock)
