"""Erasing a contact, step by step: what a crash leaves is finished, and no restored backup brings anybody back."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hanfleet.bus import IPCManager, open_bus
from hanfleet.control import MultiBotManager
from hanfleet.control.erasure import Applied, Ledger, apply_ledger
from hanfleet.control.legacy import LegacyFolder, import_folder
from hanfleet.core.config import BotConfig
from hanfleet.core.errors import NotFoundError, PermanentError, TemporaryError
from hanfleet.core.messages import Entity, UpdateBatch
from hanfleet.core.states import BotState, DesiredState
from hanfleet.kit.clock import SystemClock
from hanfleet.store.erasures import Erasures
from hanfleet.store.principals import BotPrincipal, SystemPrincipal
from hanfleet.store.records import TakenBatch
from hanfleet.store.session import Store
from hanfleet.store.texts import Texts
from hanfleet.supervisor.relay import Relay
from hanfleet.vault import KeyRing
from tests.integration.store.conversation_steps import NOON, decide, later, load, message, take
from tests.support.database import SYSTEM, BotLogIn, Database
from tests.support.full_disk import room_for
from tests.support.legacy import SAMPLE
from tests.support.operators import BACKUPS_KEPT, MASTER_KEY, FleetHand, bot_document, exported
from tests.support.ports import free_port
from tests.support.traces import streams_that_hold, tables_that_hold

ANN, BORIS = 700000501, 700000502
RESTORE = SystemPrincipal("restore")


@pytest.fixture
async def bot(database: Database, manager: MultiBotManager, bot_id: str) -> BotLogIn:
    """A bot of the manager's with its own role, that talked with Ann and Boris."""
    await manager.register_bot(BotConfig.model_validate(bot_document(bot_id)), start=False)
    async with database.supervisor.transaction(SYSTEM) as tx:
        epoch = await tx.leases.grant(f"bot:{bot_id}", 60)
    login = await database.provisioner.rotate(bot_id)
    bot = BotLogIn(bot_id, epoch, login.url, login.role_name, await database.store(login.url), BotPrincipal(bot_id))
    for chat_id, number in ((ANN, 1), (BORIS, 10)):
        await _talk(bot, chat_id, number)
    return bot


async def _talk(bot: BotLogIn, chat_id: int, number: int, text: str = "dear diary") -> None:
    await take(bot, message(number, text, chat_id=chat_id))
    assert await decide(bot, await load(bot, chat_id), f"an answer to {chat_id}")


async def _owner(database: Database) -> Store:
    return await database.store(database.urls.owner)


async def _apply(database: Database, ledger: Ledger) -> Applied:
    async with (await _owner(database)).transaction(RESTORE) as tx:
        return await apply_ledger(tx, ledger)


async def _chats(manager: MultiBotManager, bot_id: str) -> list[int]:
    return [contact.chat_id for contact in await manager.contacts.list(bot_id)]


async def test_the_export_holds_all_and_opens_what_is_sealed(
    database: Database, manager: MultiBotManager, bot: BotLogIn, hand: FleetHand
):
    ring = KeyRing(bot.bot_id, {1: await hand.data_key(bot.bot_id)})
    entity = Entity(ANN, 99, "user", "Ann", "ann", "+15550111")
    async with bot.store.transaction(bot.principal) as tx:
        await tx.inbox.take(bot.bot_id, UpdateBatch(None, entities=(entity,)), NOON, 1, ring.seal)
        tx.use_texts(Texts(ring.seal, ring.open, sealing=True))
        await tx.facts.learn(bot.bot_id, ANN, {"pets": "has a parrot"})
        await tx.inbox.take(
            bot.bot_id, UpdateBatch(None, (message(2, "sealed words", chat_id=ANN),)), NOON, 1, ring.seal
        )
        await tx.contacts.set_opted_out(bot.bot_id, ANN, later(5))
    assert not await tables_that_hold(database, "sealed words", "has a parrot", "15550111")

    export = await exported(manager, bot.bot_id, ANN)

    assert export["bot"] == {"bot_id": bot.bot_id, "name": "Mira"}
    assert export["telegram"] == {"name": "Ann", "username": "ann", "phone": "+15550111"}
    assert export["contact"]["opted_out_at"].startswith(f"{later(5):%Y-%m-%dT%H:%M:%S}")
    assert [one["text"] for one in export["messages"]][:2] == ["dear diary", "I am an AI."]
    assert export["messages"][-1]["text"] == "sealed words"
    assert [one["fact"] for one in export["facts"]] == ["has a parrot"]
    assert {one["type"] for one in export["events"]} >= {"user.message.received", "profile.contact.updated"}
    assert export["conversation"]["newest_inbound"] == 2
    assert [one["kind"] for one in export["outbox"]] == ["disclosure", "reply"]
    assert str(BORIS) not in str(export)
    assert "sealed_" not in str(export)


async def test_a_long_export_comes_in_order_and_is_of_one_moment(
    database: Database, manager: MultiBotManager, bot: BotLogIn
):
    window = await database.connect()
    add = f"""
        INSERT INTO messages (bot_id, id, chat_id, direction, author, text, created_at)
        SELECT bot_id, CAST('ffffffff-ffff-7fff-8fff-' || lpad(to_hex(n), 12, '0') AS uuid), {ANN}, 'in', 'contact',
               'line ' || n, created_at - n * interval '1 s'
        FROM bots, generate_series($1::int, $2) AS n"""
    await window.execute(add, 1, 130)
    pieces = manager.contacts.export(bot.bot_id, ANN)
    begun = await anext(pieces)
    await window.execute(add, 131, 260)
    document = json.loads("".join([begun, *[piece async for piece in pieces]]))
    lines = [one["text"] for one in document["messages"] if one["text"].startswith("line")]
    assert lines == [f"line {n}" for n in range(1, 131)]
    assert [one["position"] for one in document["outbox"]] == sorted(one["position"] for one in document["outbox"])


async def test_a_large_export_comes_in_small_pieces(database: Database, manager: MultiBotManager, bot: BotLogIn):
    window = await database.connect()
    await window.execute(f"""
        INSERT INTO summaries (bot_id, id, chat_id, summary, through, created_at)
        SELECT bot_id, gen_random_uuid(), {ANN}, repeat('x', 65536), gen_random_uuid(), now()
        FROM bots, generate_series(1, 1000)""")
    sizes = [len(piece) async for piece in manager.contacts.export(bot.bot_id, ANN)]
    assert sum(sizes) > 1000 * 65_536
    assert max(sizes) < 2**23


async def test_an_export_that_is_left_keeps_nobody_waiting(manager: MultiBotManager, bot: BotLogIn):
    """There is one connection here."""
    pieces = manager.contacts.export(bot.bot_id, ANN)
    await anext(pieces)
    await pieces.aclose()
    assert await _chats(manager, bot.bot_id) == [ANN, BORIS]


async def test_a_contact_of_nobody_is_not_found(manager: MultiBotManager, bot: BotLogIn):
    for ask in (partial(exported, manager), manager.contacts.erase):
        with pytest.raises(NotFoundError, match="holds nothing about chat 5"):
            await ask(bot.bot_id, 5)
    with pytest.raises(NotFoundError, match="no bot"):
        await manager.contacts.erase("nobody", ANN)


async def test_every_table_about_contacts_is_emptied_of_the_one(
    database: Database, manager: MultiBotManager, bot: BotLogIn
):
    window = await database.connect()
    tables = [row[0] for row in await window.fetch("SELECT contact_tables()::text")]
    assert {"user_profiles", "messages", "outbox", "turns", "facts", "summaries", "schedules", "imported"} <= {*tables}
    await window.execute("CREATE TABLE of_a_later_release (bot_id text, chat_id bigint, note text)")
    await window.execute(
        f"INSERT INTO of_a_later_release VALUES ('{bot.bot_id}', {ANN}, 'x'), ('{bot.bot_id}', {BORIS}, 'y')"
    )
    await window.execute("ALTER TABLE of_a_later_release OWNER TO " + f"hf_{database.install_id}_owner")
    await window.execute("UPDATE bots SET status_reason = 'cannot write to 700000501, sorry'")
    erased = await manager.contacts.erase(bot.bot_id, ANN)
    assert erased.erased["of_a_later_release"] == 1
    assert await tables_that_hold(database, str(ANN)) == {}
    assert await _chats(manager, bot.bot_id) == [BORIS]
    assert len((await exported(manager, bot.bot_id, BORIS))["of_a_later_release"]) == 1
    row = await window.fetchrow("SELECT * FROM erasures")
    assert (row["kind"], row["requested_by"], row["rows_gone_at"] <= row["done_at"]) == (
        "contact",
        "operator:owner",
        True,
    )


@pytest.mark.parametrize("chat_id", [ANN, -ANN, 7, -7])
async def test_a_number_in_a_sentence_goes_with_its_contact(
    database: Database, manager: MultiBotManager, bot: BotLogIn, chat_id: int
):
    """And no other number that it is a part of."""
    if chat_id != ANN:
        await _talk(bot, chat_id, 20)
    window = await database.connect()
    await window.execute(
        "UPDATE bots SET status_reason = $1", f"{chat_id}: no {chat_id}4, 3{abs(chat_id)}, ({chat_id})"
    )
    await manager.contacts.erase(bot.bot_id, chat_id)
    left = await window.fetchval("SELECT status_reason FROM bots")
    assert left == f"…: no {chat_id}4, 3{abs(chat_id)}, (…)"


async def test_what_an_import_kept_beside_the_rows_goes_too(
    database: Database, manager: MultiBotManager, bot: BotLogIn
):
    window = await database.connect()
    stranger = 700000777
    kept = {"unknown": {f"backups/{stranger}/2025-06-01.json": {"mood": "sunny"}, "metrics.json": {"x": 1}}}
    await window.execute(
        "INSERT INTO imports (id, bot_id, made_bot, kept, started_at) VALUES (gen_random_uuid(), $1, false, $2, now())",
        bot.bot_id,
        json.dumps(kept),
    )
    assert (await exported(manager, bot.bot_id, stranger))["kept_by_imports"] == [
        {f"backups/{stranger}/2025-06-01.json": {"mood": "sunny"}}
    ]
    assert (await manager.contacts.erase(bot.bot_id, stranger)).erased == {"imports": 1}
    assert json.loads(await window.fetchval("SELECT kept FROM imports")) == {"unknown": {"metrics.json": {"x": 1}}}
    assert await tables_that_hold(database, str(stranger)) == {}


@pytest.mark.parametrize("nobody", [1, 6, 25])
async def test_counts_that_an_import_kept_are_no_chats(
    database: Database, manager: MultiBotManager, bot: BotLogIn, nobody: int
):
    folder, owner = LegacyFolder(SAMPLE, SystemClock().now()), await _owner(database)
    await import_folder(owner, MASTER_KEY, bot.bot_id, folder, database.clock, lambda *_: None)
    window = await database.connect()
    before = await window.fetch("SELECT id, kept FROM imports")
    assert f": {nobody}," in before[0]["kept"]
    for ask in (partial(exported, manager), manager.contacts.erase):
        with pytest.raises(NotFoundError, match=f"nothing about chat {nobody}"):
            await ask(bot.bot_id, nobody)
    assert await window.fetch("SELECT id, kept FROM imports") == before
    assert await window.fetchval("SELECT count(*) FROM erasures") == 0
    ((chat_id, *_), *_) = await window.fetch("SELECT chat_id FROM imported WHERE kind = 'contact'")
    assert (await manager.contacts.erase(bot.bot_id, chat_id)).erased["messages"]
    assert await window.fetch("SELECT id, kept FROM imports") == before


async def test_whoever_writes_again_is_new_and_told_again(manager: MultiBotManager, bot: BotLogIn):
    await manager.contacts.erase(bot.bot_id, ANN)
    await take(bot, message(7, "me again", chat_id=ANN), now=later(60))
    context = await load(bot, ANN)
    assert [one.text for one in context.fresh] == ["me again"]
    assert context.contact.disclosed_at is None
    assert not context.history


async def test_a_turn_under_way_does_not_bring_the_contact_back(
    database: Database, manager: MultiBotManager, bot: BotLogIn
):
    await take(bot, message(3, "and you?", chat_id=ANN))
    thinking = await load(bot, ANN)
    async with bot.store.transaction(bot.principal) as tx:
        head = next(row for row in await tx.outbox.next(bot.bot_id, NOON) if row.chat_id == ANN)
        assert await tx.outbox.mark_sending(bot.bot_id, head.id, NOON)
    await manager.contacts.erase(bot.bot_id, ANN)
    assert not await decide(bot, thinking, "too late")
    async with bot.store.transaction(bot.principal) as tx:
        await tx.outbox.mark_sent(bot.bot_id, head.id, 44, NOON)
        assert not await tx.contacts.set_paused(bot.bot_id, ANN, NOON)
    assert await tables_that_hold(database, str(ANN)) == {}


async def test_what_we_wrote_to_the_contact_is_not_taken_for_the_owners_hand(
    database: Database, manager: MultiBotManager, bot: BotLogIn
):
    async with bot.store.transaction(bot.principal) as tx:
        head = next(row for row in await tx.outbox.next(bot.bot_id, NOON) if row.chat_id == ANN)
        assert await tx.outbox.mark_sending(bot.bot_id, head.id, NOON)
        await tx.outbox.mark_sent(bot.bot_id, head.id, 2, NOON)
    await manager.contacts.erase(bot.bot_id, ANN)
    echo = message(2, head.text, chat_id=ANN, outgoing=True, at=later(1))
    assert await take(bot, echo, now=later(90)) == TakenBatch()
    assert await tables_that_hold(database, str(ANN)) == {}
    taken = await take(bot, echo, message(4, "me again", chat_id=ANN, at=later(100)), now=later(100))
    assert [one.telegram_id for one in taken.fresh] == [4]
    assert taken.taken_over == ()
    # Later than anything that we wrote: this is the owner's hand, to whomever it is.
    for chat_id in (ANN, 5):
        typed = message(chat_id, "It's me, Mira herself", chat_id=chat_id, outgoing=True, at=later(200))
        assert (await take(bot, typed, now=later(200))).taken_over == (chat_id,)


async def test_a_running_worker_is_replaced(manager: MultiBotManager, bot: BotLogIn, hand: FleetHand):
    await manager.start_bot(bot.bot_id)
    await hand.set_status(bot.bot_id, BotState.CONFIGURING, BotState.STARTING, BotState.RUNNING)
    await manager.contacts.erase(bot.bot_id, ANN)
    assert (await manager.get_bot_status(bot.bot_id)).restart_pending


async def test_what_is_being_published_is_waited_for_and_then_found(
    database: Database, manager: MultiBotManager, ipc: IPCManager, bot: BotLogIn, valkey_url: str
):
    """The relay has read the events, and the erasure comes before it publishes them."""

    class SlowProducer:
        reading, goes_on = asyncio.Event(), asyncio.Event()

        async def publish(self, events: Any) -> None:
            self.reading.set()
            await self.goes_on.wait()
            await ipc.producer.publish(events)

    slow = SlowProducer()
    publishing = asyncio.create_task(
        Relay(database.relay, slow, database.provisioner.fence, SystemClock()).publish_due()
    )
    await slow.reading.wait()
    erasing = asyncio.create_task(manager.contacts.erase(bot.bot_id, ANN))
    _, waiting = await asyncio.wait([erasing], timeout=0.5)
    assert waiting
    slow.goes_on.set()
    assert await publishing > 0
    assert (await erasing).complete
    async with open_bus(valkey_url, clock=SystemClock()) as bus:
        assert await streams_that_hold(bus, str(ANN), about=bot.bot_id) == {}
        assert await streams_that_hold(bus, str(BORIS), about=bot.bot_id)


@pytest.mark.parametrize("dies_at", ["ledger", "rows", "commit", "bus"])
async def test_what_a_crash_leaves_is_finished(
    database: Database,
    manager: MultiBotManager,
    bot: BotLogIn,
    ledger: Ledger,
    ipc: IPCManager,
    monkeypatch: pytest.MonkeyPatch,
    valkey_url: str,
    dies_at: str,
):
    class DiedError(BaseException):
        pass

    def dying(*_: Any, **__: Any) -> Any:
        raise DiedError

    async def erases_and_dies(self: Erasures, *given: Any) -> Any:
        await whole(self, *given)
        raise DiedError

    whole = Erasures.erase
    await Relay(database.relay, ipc.producer, database.provisioner.fence, SystemClock()).publish_due()
    with monkeypatch.context() as broken:
        if dies_at == "ledger":
            broken.setattr(Ledger, "append", dying)
        elif dies_at in ("rows", "commit"):
            broken.setattr(Erasures, "erase", dying if dies_at == "rows" else erases_and_dies)
        else:
            broken.setattr(IPCManager, "forget", dying)
        with pytest.raises(DiedError):
            await manager.contacts.erase(bot.bot_id, ANN)
    assert len(ledger.entries()) == (0 if dies_at == "ledger" else 1)
    assert await _chats(manager, bot.bot_id) == ([BORIS] if dies_at == "bus" else [ANN, BORIS])

    assert await manager.contacts.finish_pending() == 1
    assert await manager.contacts.finish_pending() == 0
    assert await tables_that_hold(database, str(ANN)) == {}
    assert len(ledger.entries()) == 1
    async with open_bus(valkey_url, clock=SystemClock()) as bus:
        assert await streams_that_hold(bus, str(ANN), about=bot.bot_id) == {}
    assert await _chats(manager, bot.bot_id) == [BORIS]


async def test_nobody_is_erased_who_does_not_stand_in_the_ledger(
    database: Database, manager: MultiBotManager, bot: BotLogIn, ledger: Ledger
):
    await manager.contacts.erase(bot.bot_id, BORIS)
    with room_for(30, ledger.path):
        for erase in (
            lambda: manager.contacts.erase(bot.bot_id, ANN),
            manager.contacts.finish_pending,
            lambda: manager.remove_bot(bot.bot_id, erase=True),
        ):
            with pytest.raises(TemporaryError, match="cannot be written"):
                await erase()
    assert await _chats(manager, bot.bot_id) == [ANN]
    assert (await manager.get_bot_status(bot.bot_id)).desired_state is not DesiredState.ERASED
    assert [entry.mark for entry in ledger.entries()] == [ledger.contact_mark(bot.bot_id, BORIS)]
    assert await manager.contacts.finish_pending() == 1
    assert await tables_that_hold(database, str(ANN)) == {}
    assert ledger.contact_mark(bot.bot_id, ANN) in [entry.mark for entry in ledger.entries()]


async def test_it_is_told_how_long_backups_hold_the_contact(
    manager: MultiBotManager, bot: BotLogIn, ledger: Ledger, bot_logs: Path
):
    for name in ("20260501T030000Z-daily", "20260505T030000Z-daily", "20260502T101010Z-fleet", "notes"):
        (ledger.path.parent / name).mkdir(parents=True)
    told = await manager.contacts.erase(bot.bot_id, ANN)
    assert told.backups_until == datetime(2026, 5, 5, 3, tzinfo=UTC) + BACKUPS_KEPT
    assert told.backups_by_hand == ["20260502T101010Z-fleet"]


async def test_a_bus_that_is_away_is_cleaned_later(
    database: Database, manager: MultiBotManager, bot: BotLogIn, ledger: Ledger, tmp_path: Path
):
    async with open_bus(f"redis://127.0.0.1:{free_port()}/0", clock=SystemClock()) as away:
        cut_off = MultiBotManager(
            database.api, IPCManager(away), MASTER_KEY, bot_logs=tmp_path, ledger=ledger, backups_kept=BACKUPS_KEPT
        )
        assert not (await cut_off.contacts.erase(bot.bot_id, ANN)).complete
    assert await tables_that_hold(database, str(ANN)) == {}
    assert await manager.contacts.finish_pending() == 1


async def test_the_ledger_erases_again_whom_an_older_backup_brings_back(
    database: Database, manager: MultiBotManager, bot: BotLogIn, ledger: Ledger
):
    window = await database.connect()
    tables = ("user_profiles", "conversations", "messages", "outbox", "turns", "events")
    backup = {table: await window.fetch(f"SELECT t FROM {table} t WHERE bot_id = $1", bot.bot_id) for table in tables}
    await manager.contacts.erase(bot.bot_id, ANN)
    assert await _apply(database, ledger) == Applied(0, 0)
    for table in reversed(tables):
        await window.execute(f"DELETE FROM {table} WHERE bot_id = $1", bot.bot_id)
    for table in tables:
        for row in backup[table]:
            await window.execute(f"INSERT INTO {table} SELECT ($1::{table}).*", row[0])
    assert await _chats(manager, bot.bot_id) == [ANN, BORIS]

    assert await _apply(database, ledger) == Applied(contacts=1)
    assert await tables_that_hold(database, str(ANN)) == {}
    assert await _chats(manager, bot.bot_id) == [BORIS]
    assert await _apply(database, ledger) == Applied(0, 0)


async def test_the_ledger_erases_again_who_stands_in_a_backup_with_a_later_date(
    database: Database, manager: MultiBotManager, bot: BotLogIn, ledger: Ledger
):
    """As after an import that was rolled back and came again fuller, or after a restore of an older backup."""
    window = await database.connect()
    await manager.contacts.erase(bot.bot_id, ANN)
    await take(bot, message(7, "from the backup", chat_id=ANN), now=NOON + timedelta(hours=1))
    assert await _apply(database, ledger) == Applied(contacts=1)
    assert await _chats(manager, bot.bot_id) == [BORIS]

    await window.execute("UPDATE bots SET created_at = created_at - interval '2 days'")
    await manager.remove_bot(bot.bot_id, erase=True)
    await database.provisioner.drop_bot_role(bot.bot_id)
    await window.execute("UPDATE bots SET desired_state = 'running', created_at = created_at + interval '1 day'")
    assert await _apply(database, ledger) == Applied(bots=1)


async def test_the_ledger_lets_be_whoever_wrote_again(
    database: Database, manager: MultiBotManager, bot: BotLogIn, ledger: Ledger
):
    await manager.contacts.erase(bot.bot_id, ANN)
    await take(bot, message(7, "me again", chat_id=ANN), now=database.clock.now())
    assert await _apply(database, ledger) == Applied(0, 0)
    assert await _chats(manager, bot.bot_id) == [ANN, BORIS]


async def test_an_erased_bot_stays_erased(database: Database, manager: MultiBotManager, bot: BotLogIn, ledger: Ledger):
    await manager.remove_bot(bot.bot_id, erase=True)
    assert [entry.mark for entry in ledger.entries()] == [ledger.bot_mark(bot.bot_id)]
    assert await _apply(database, ledger) == Applied(0, 0), "it is on its way out already"
    async with database.supervisor.transaction(SYSTEM) as tx:
        await tx.bots.get(bot.bot_id)
    assert await manager.contacts.finish_pending() == 0, "its rows are there still"
    # As in a restored database: the bot is there, and no role of it.
    window = await database.connect()
    await window.execute("UPDATE bots SET desired_state = 'running'")
    await database.provisioner.drop_bot_role(bot.bot_id)
    assert await _apply(database, ledger) == Applied(bots=1)
    assert await tables_that_hold(database, str(ANN)) == {}
    assert await manager.contacts.finish_pending() == 1


async def test_a_damaged_ledger_stops_a_restore(
    database: Database, manager: MultiBotManager, bot: BotLogIn, ledger: Ledger
):
    await manager.contacts.erase(bot.bot_id, ANN)
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b'"mark": "', b'"mark": "x'))
    with pytest.raises(PermanentError, match="Line 2"):
        await _apply(database, ledger)
