"""A contact who talked to a real worker is erased: nothing is left anywhere, and everybody else is whole."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hanfleet.app.embedded import EmbeddedValkey
from hanfleet.app.home import Home
from hanfleet.bus import Bus, IPCManager, open_bus
from hanfleet.control import MultiBotManager
from hanfleet.control.erasure import Ledger
from hanfleet.core.states import WorkerPhase
from hanfleet.kit.clock import SystemClock
from hanfleet.kit.logging import configure_logging
from hanfleet.persona.texts import DISCLOSURE
from hanfleet.supervisor.relay import Relay
from tests.integration.worker.test_accounts import Remote, bus, log_in, person
from tests.support.database import SYSTEM
from tests.support.operators import BACKUPS_KEPT, MASTER_KEY, exported
from tests.support.traces import bus_files_that_hold, streams_that_hold, tables_that_hold, texts_that_hold
from tests.support.waiting import eventually
from tests.support.workers import DATA_KEY, Rehearsal, times

# Their bots have one name, and all tests share a bus: whose worker hears a command would be chance.
pytestmark = pytest.mark.xdist_group("mia on the bus")

__all__ = ["bus", "person"]

TEXT = "my-secret-hobby-is-beekeeping"


async def _manager(rehearsal: Rehearsal, bus: Bus, folder: Path) -> MultiBotManager:
    database, bot_id = rehearsal.database, rehearsal.bot.bot_id
    async with database.api.transaction(SYSTEM) as tx:
        await tx.keys.add(bot_id, MASTER_KEY.wrap(bot_id, DATA_KEY))
    ledger = Ledger.open(folder / "backups", folder / "erasure.key")
    return MultiBotManager(
        database.api, IPCManager(bus), MASTER_KEY, bot_logs=folder, ledger=ledger, backups_kept=BACKUPS_KEPT
    )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """What the worker logs, at the finest level."""
    path = tmp_path / "mia.log"
    with path.open("a") as file:
        configure_logging("worker", level="DEBUG", stream=file)
        yield path
    configure_logging("test")


@pytest.fixture
async def own_bus() -> AsyncIterator[Bus]:
    """Every sandbox counts its accounts from one number on: on the run's bus other tests' contacts have the same ids."""
    home = Home.temporary()
    valkey = EmbeddedValkey(home, durable=False)
    try:
        await valkey.start()
        async with open_bus(valkey.url, clock=SystemClock()) as opened:
            yield opened
    finally:
        await valkey.stop()
        home.destroy()


async def test_nothing_is_left_of_an_erased_contact(rehearsal: Rehearsal, own_bus: Bus, log: Path, tmp_path: Path):
    bus = own_bus
    manager = await _manager(rehearsal, bus, tmp_path)
    ann = await rehearsal.contact("Annabella", last_name="Quixote", username="annabella_q")
    boris = await rehearsal.contact("Boris")
    relay = Relay(
        rehearsal.database.relay, IPCManager(bus).producer, rehearsal.database.provisioner.fence, SystemClock()
    )
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says(f"{TEXT} #00000001")
        await ann.hears_about("#00000001")
        await boris.says("Hello #00000002")
        await boris.hears_about("#00000002")
        await eventually(lambda: _sent(rehearsal))
        await worker.stop()
    while await relay.publish_due():
        pass
    marks = (str(ann.id), "Annabella", "Quixote", "annabella_q", TEXT)
    before = await tables_that_hold(rehearsal.database, *marks)
    assert {"public.user_profiles", "public.messages", "public.session_entities", "public.events"} <= before.keys()
    assert await streams_that_hold(bus, *marks)
    assert await bus_files_that_hold(bus, str(ann.id))

    export = await exported(manager, "mia", ann.id)
    assert texts_that_hold(json.dumps(export), *marks) == list(marks)
    erased = await manager.contacts.erase("mia", ann.id)

    assert erased.complete
    assert erased.erased["messages"] >= 3
    assert await tables_that_hold(rehearsal.database, *marks) == {}
    assert await streams_that_hold(bus, *marks) == {}
    await eventually(lambda: _no_file(bus, *marks), what="the bus's files are clean")
    assert texts_that_hold(log.read_text(), *marks) == []
    assert "a turn is decided" in log.read_text()
    assert texts_that_hold((tmp_path / "backups/erased.jsonl").read_text(), *marks) == []
    kept = await exported(manager, "mia", boris.id)
    assert kept["messages"][0]["text"].startswith("Hello")
    assert len(kept["turns"]) == 1
    assert len(kept["events"]) >= 4
    assert await streams_that_hold(bus, str(boris.id))


async def _sent(rehearsal: Rehearsal) -> bool:
    return not await rehearsal.rows("SELECT 1 FROM outbox WHERE state <> 'sent'")


async def _no_file(bus: Bus, *marks: str) -> bool:
    return not await bus_files_that_hold(bus, *marks)


async def test_what_telegram_tells_once_more_does_not_bring_a_contact_back(
    person: Rehearsal, bus: Bus, valkey_url: str, tmp_path: Path
):
    """A person's account is told of its own messages; the worker that wrote them did not store how far it had read."""
    person.bus_url = valkey_url
    manager = await _manager(person, bus, tmp_path)
    ann, boris = await person.contact("Annabella"), await person.contact("Boris")
    async with person.worker() as worker:
        await eventually(lambda: worker.instance.phase is WorkerPhase.AWAITING_LOGIN)
        await log_in(person, Remote(person, bus))
        await worker.is_running()
        await ann.says("Hello #00000001")
        await ann.hears_about("#00000001")
        await eventually(lambda: _sent(person))
        await worker.stop()
    await manager.contacts.erase("mia", ann.id)
    async with person.worker() as worker:
        await worker.is_running()
        await boris.says("Hello #00000002")
        await boris.hears_about("#00000002")
        assert not await tables_that_hold(person.database, str(ann.id))
        await ann.says("Who are you? #00000003")
        heard = await ann.hears_about("#00000003")
        await worker.stop()
    assert times(heard, DISCLOSURE["en"]) == 2, "whoever writes again is told again"
