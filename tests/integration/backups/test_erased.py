"""Who was erased stays erased, whatever older backup comes back."""

from datetime import timedelta
from pathlib import Path

import pytest

from hanfleet.control.backups import Library, create, restore
from hanfleet.control.backups.restoring import Restored
from hanfleet.core.errors import ConflictError, PermanentError
from hanfleet.kit.clock import SystemClock
from hanfleet.store.ledger import Entry, Ledger
from tests.integration.backups.fleet import BEGUN, MASTER, contents, fill
from tests.support.database import SYSTEM, Database

CLOCK = SystemClock()
LATER = BEGUN + timedelta(days=1)
TABLES = ("user_profiles", "conversations", "messages", "turns", "outbox", "imported", "session_entities")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path / "backups", tmp_path / "erasure.key")


@pytest.fixture
async def folder(database: Database, library: Library) -> Path:
    await fill(database, "anna", "boris")
    made = await create(database.urls.owner, MASTER, library, CLOCK, release="1")
    return library.folder(made.contents.id)


@pytest.mark.parametrize("only_bot", [None, "anna"])
async def test_an_erased_contact(
    folder: Path, ledger: Ledger, database: Database, elsewhere: Database, only_bot: str | None
) -> None:
    ledger.append(Entry(ledger.contact_mark("anna", 5), LATER))
    restored = await restore(elsewhere.urls.owner, folder, MASTER, CLOCK, [ledger], bot_id=only_bot)
    assert (restored.erased_contacts, restored.erased_bots) == (1, 0)
    connection = await elsewhere.connect()
    for table in TABLES:
        column = "entity_id" if table == "session_entities" else "chat_id"
        count = f"SELECT count(*) FROM {table} WHERE bot_id = 'anna' AND {column} = 5"
        assert await connection.fetchval(count) == 0, table
        assert await (await database.connect()).fetchval(count) > 0, table
    assert await connection.fetchval("SELECT count(*) FROM user_profiles WHERE bot_id = 'anna'") == 2


async def test_an_erased_bot(folder: Path, ledger: Ledger, elsewhere: Database) -> None:
    ledger.append(Entry(ledger.bot_mark("anna"), SystemClock().now()))
    with pytest.raises(ConflictError, match="Bot anna was erased after this backup was made, and stays so"):
        await restore(elsewhere.urls.owner, folder, MASTER, CLOCK, [ledger], bot_id="anna")
    restored = await restore(elsewhere.urls.owner, folder, MASTER, CLOCK, [ledger])
    assert restored == Restored(("boris",), restored.rows, 0, 1)
    assert not any((await contents(elsewhere, bot_id="anna")).values())


async def test_a_new_home_inherits_who_was_erased(
    folder: Path, ledger: Ledger, elsewhere: Database, tmp_path: Path
) -> None:
    own = Ledger.open(tmp_path / "new", tmp_path / "new.key")
    ledger.append(Entry(ledger.contact_mark("anna", 5), LATER))
    ledger.append(Entry(ledger.contact_mark("anna", 6), LATER))
    ledger.append(Entry(ledger.bot_mark("boris"), until := SystemClock().now()))
    with pytest.raises(ConflictError):
        await restore(elsewhere.urls.owner, folder, MASTER, CLOCK, [own, ledger], bot_id="boris")
    assert own.entries() == []
    restored = await restore(elsewhere.urls.owner, folder, MASTER, CLOCK, [own, ledger])
    assert (restored.erased_contacts, restored.erased_bots) == (1, 1)
    assert own.entries() == [Entry(own.contact_mark("anna", 5), LATER), Entry(own.bot_mark("boris"), until)]

    # Whatever brings them back later, the new home's own ledger takes them out.
    async with elsewhere.api.transaction(SYSTEM) as tx:
        await tx.bots.erase("anna")
    again = await restore(elsewhere.urls.owner, folder, MASTER, CLOCK, [own])
    assert (again.erased_contacts, again.erased_bots) == (1, 1)


async def test_a_ledger_that_cannot_be_trusted_stops_it(folder: Path, ledger: Ledger, elsewhere: Database) -> None:
    before = await contents(elsewhere)
    ledger.append(Entry(ledger.contact_mark("anna", 5), LATER))
    ledger.path.write_text(ledger.path.read_text().replace('"mark"', '"mork"'))
    with pytest.raises(PermanentError, match=r"Line 2 of .* is damaged"):
        await restore(elsewhere.urls.owner, folder, MASTER, CLOCK, [ledger])
    assert await contents(elsewhere) == before
