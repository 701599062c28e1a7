"""What comes back is what was there."""

import asyncio
from uuid import uuid4

import pytest

from hanfleet.control.backups import Library, create, restore, verify
from hanfleet.control.verification import AUDITOR
from hanfleet.control.verification import verify as verify_audit
from hanfleet.core.audit import ExportedHead
from hanfleet.core.errors import NotFoundError
from hanfleet.kit.clock import SystemClock
from hanfleet.store import migrate
from hanfleet.store.migrations import HEAD
from hanfleet.vault import MasterKey
from tests.integration.backups.fleet import BEGUN, MASTER, contents, fill, fill_the_rest, let_in
from tests.support.database import Database

CLOCK = SystemClock()
JANUARY = (
    "CREATE TABLE events_y2026m01 PARTITION OF events"
    " FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-02-01 00:00:00+00')"
)
OTHER_MASTER = MasterKey(b"n" * 32)


async def test_a_whole_fleet_row_for_row(database: Database, elsewhere: Database, library: Library) -> None:
    await (await database.connect()).execute(JANUARY)
    await fill(database, "anna", "boris")
    await fill_the_rest(database)
    before = await contents(database)
    assert not [table for table, rows in before.items() if not rows]
    made = await create(database.urls.owner, MASTER, library, CLOCK, release="1")
    folder = library.folder(made.contents.id)
    assert verify(folder, MASTER) == made
    triggers = await _triggers(elsewhere)

    restored = await restore(elsewhere.urls.owner, folder, MASTER, CLOCK, [])

    after = await contents(elsewhere)
    # The restore itself is one entry more, at the end of the fleet's chain.
    trails = [(after.pop(table), before[table]) for table in ("audit", "audit_chains")]
    assert [len(set(now) - set(then)) for now, then in trails] == [1, 1]
    assert after == {table: rows for table, rows in before.items() if table in after}
    assert {"anna", "boris"} <= set(restored.bots)
    assert restored.rows == made.contents.rows == sum(map(len, before.values()))
    assert await _triggers(elsewhere) == triggers
    # Months of the source that this database did not have are partitions here too, and the default one stays free.
    connection = await elsewhere.connect()
    assert await connection.fetchval("SELECT count(*) FROM events_default") == 1


@pytest.mark.parametrize("whole", [True, False])
async def test_one_bot_into_a_fleet_with_others(
    database: Database, elsewhere: Database, library: Library, whole: bool
) -> None:
    await (await database.connect()).execute(JANUARY)
    await fill(database, "anna", "boris")
    await fill(elsewhere, "vera")  # her events of that month are in the default partition
    before, theirs = await contents(database, bot_id="anna"), await contents(elsewhere, bot_id="vera")
    made = await create(database.urls.owner, MASTER, library, CLOCK, release="1", bot_id=None if whole else "anna")

    restored = await restore(
        elsewhere.urls.owner, library.folder(made.contents.id), MASTER, CLOCK, [], bot_id="anna" if whole else None
    )

    assert await contents(elsewhere, bot_id="anna") == before
    assert await contents(elsewhere, bot_id="vera") == theirs
    assert restored.bots == ("anna",)
    assert restored.rows == sum(map(len, before.values()))
    assert before["messages"]
    connection = await elsewhere.connect()
    assert not await connection.fetchval("SELECT count(*) FROM messages WHERE bot_id = 'boris'")


async def test_the_audit_trail_goes_on_unbroken(database: Database, elsewhere: Database, library: Library) -> None:
    await fill(database, "anna")
    made = await create(database.urls.owner, MASTER, library, CLOCK, release="1")
    folder = library.folder(made.contents.id)
    here, there = await database.store(database.urls.owner), await database.store(elsewhere.urls.owner)
    async with here.transaction(AUDITOR) as tx:
        exported = [ExportedHead(head, CLOCK.now()) for head in await tx.audit.heads()]
    before = await verify_audit(here, exported)
    assert before.sound
    await restore(elsewhere.urls.owner, folder, MASTER, CLOCK, [])
    after = await verify_audit(there, exported)
    assert (after.sound, after.entries) == (True, before.entries + 1)
    async with there.transaction(AUDITOR) as tx:
        (newest,) = await tx.audit.page(limit=1)
    assert (newest.noun, newest.subject, newest.principal) == ("restore", made.contents.id, "system:restore")
    assert newest.new_values is not None
    assert newest.new_values["bots"] == ["anna"]

    # One bot into a fleet with a trail of its own adds one entry, of that bot.
    async with there.transaction(AUDITOR) as tx:
        await tx.bots.erase("anna")
    standing = await verify_audit(there, [])
    await restore(elsewhere.urls.owner, folder, MASTER, CLOCK, [], bot_id="anna")
    again = await verify_audit(there, exported)
    assert (again.sound, again.entries) == (True, standing.entries + 1)


async def test_data_keys_open_under_the_master_key_of_the_place(
    database: Database, elsewhere: Database, library: Library
) -> None:
    await fill(database, "anna")
    made = await create(database.urls.owner, MASTER, library, CLOCK, release="1")
    folder = library.folder(made.contents.id)
    await restore(elsewhere.urls.owner, folder, OTHER_MASTER, CLOCK, [], made_under=MASTER)
    wrapped = await (await elsewhere.connect()).fetchval("SELECT wrapped FROM bot_keys WHERE bot_id = 'anna'")
    assert OTHER_MASTER.unwrap("anna", wrapped) == b"anna".ljust(32, b".")


async def test_bots_come_back_stopped_unless_told_and_can_be_started(
    database: Database, elsewhere: Database, library: Library
) -> None:
    await fill(database, "anna", running=True)
    await (await database.connect()).execute("UPDATE bot_keys SET after_epoch = 7")
    made = await create(database.urls.owner, MASTER, library, CLOCK, release="1")
    await restore(elsewhere.urls.owner, library.folder(made.contents.id), MASTER, CLOCK, [])
    connection = await elsewhere.connect()
    row = await connection.fetchrow("SELECT desired_state, status, after_epoch FROM bots JOIN bot_keys USING (bot_id)")
    assert tuple(row) == ("stopped", "stopped", 0)
    bot = await let_in(elsewhere, "anna")
    async with bot.store.transaction(bot.principal) as tx:
        assert len(await tx.messages.list("anna", 5)) > 1

    await connection.execute("DELETE FROM bot_roles; DELETE FROM leases; DELETE FROM bots")
    await restore(elsewhere.urls.owner, library.folder(made.contents.id), MASTER, CLOCK, [], start=True)
    assert await connection.fetchval("SELECT desired_state FROM bots") == "running"


@pytest.mark.parametrize("only_bot", [None, "anna"])
async def test_sessions_know_when_they_were_restored(
    database: Database, elsewhere: Database, library: Library, only_bot: str | None
) -> None:
    """What the accounts wrote between the backup and this is the bots' own (store/before_restore.py)."""
    await fill(database, "anna")
    await fill(elsewhere, "vera")
    await (await database.connect()).execute("UPDATE sessions SET restored_at = $1", BEGUN)
    made = await create(database.urls.owner, MASTER, library, CLOCK, release="1")
    connection = await elsewhere.connect()
    if only_bot is None:
        await connection.execute("DELETE FROM bots")
    begun = await connection.fetchval("SELECT clock_timestamp()")
    await restore(elsewhere.urls.owner, library.folder(made.contents.id), MASTER, CLOCK, [], bot_id=only_bot)
    sessions = dict(await connection.fetch("SELECT bot_id, restored_at FROM sessions"))
    assert begun < sessions.pop("anna") < await connection.fetchval("SELECT clock_timestamp()")
    assert sessions == ({} if only_bot is None else {"vera": None})


async def test_it_is_one_moment_though_the_fleet_goes_on_writing(
    database: Database, elsewhere: Database, library: Library
) -> None:
    await fill(database, "anna")
    writer = await database.connect()
    writes = 0

    async def write() -> None:
        nonlocal writes
        while True:
            async with writer.transaction():
                await writer.execute("UPDATE bot_counters SET event_seq = event_seq + 1")
                await writer.execute(
                    "INSERT INTO events (id, type, version, source, bot_id, seq, data, correlation_id, timestamp)"
                    " SELECT $1, 'bot.test', 1, 'test', bot_id, event_seq, '{}', $1, $2 FROM bot_counters",
                    uuid4(),
                    BEGUN,
                )
            writes += 1

    begun = 0

    def progress(*_: object) -> None:
        nonlocal begun
        begun = begun or writes

    await (await database.connect()).execute(
        "SET session_replication_role = replica; DELETE FROM events; UPDATE bot_counters SET event_seq = 0"
    )
    writing = asyncio.create_task(write())
    async with asyncio.timeout(5):
        while not writes:  # a snapshot from before the first one would hold no event to compare
            await asyncio.sleep(0)
    made = await create(database.urls.owner, MASTER, library, CLOCK, release="1", progress=progress)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert writes > begun > 0
    await restore(elsewhere.urls.owner, library.folder(made.contents.id), MASTER, CLOCK, [])
    connection = await elsewhere.connect()
    counted, newest = await connection.fetchrow("SELECT count(*), max(seq) FROM events")
    assert counted == newest == await connection.fetchval("SELECT event_seq FROM bot_counters")


async def test_an_older_schema_is_brought_up_to_date(database: Database, elsewhere: Database, library: Library) -> None:
    await migrate.downgrade(database.urls.owner, "0002")
    await fill(database, "anna")
    made = await create(database.urls.owner, MASTER, library, CLOCK, release="1")
    assert made.contents.revision == "0002"
    restored = await restore(elsewhere.urls.owner, library.folder(made.contents.id), MASTER, CLOCK, [])
    assert restored.rows == made.contents.rows
    assert await migrate.current(elsewhere.urls.owner) == HEAD
    assert await (await elsewhere.connect()).fetchval("SELECT restored_at IS NOT NULL FROM sessions")
    bot = await let_in(elsewhere, "anna")
    async with bot.store.transaction(bot.principal) as tx:
        assert len(await tx.messages.list("anna", 5)) > 1


async def test_a_bot_that_is_not_there(database: Database, library: Library) -> None:
    with pytest.raises(NotFoundError, match="There is no bot nobody"):
        await create(database.urls.owner, MASTER, library, CLOCK, release="1", bot_id="nobody")
    assert library.ids() == []


async def _triggers(database: Database) -> list[tuple[str, ...]]:
    connection = await database.connect()
    rows = await connection.fetch(
        "SELECT tgrelid::regclass::text, tgname::text, tgenabled::text FROM pg_trigger"
        " WHERE tgrelid::regclass::text !~ '_y2026m01' ORDER BY 1, 2"
    )
    return [tuple(row) for row in rows]
