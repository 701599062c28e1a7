"""The old bot's folder, brought to a bot that keeps its texts sealed, and keys that are replaced afterwards."""

from pathlib import Path

from hanfleet.control.data_keys import DataKeys
from hanfleet.control.sealing import first_ring
from tests.integration.control.test_legacy_import import KEY, Desk, desk
from tests.support.database import SYSTEM
from tests.support.legacy import SAMPLE, write_session

__all__ = ["desk"]


def _keys(desk: Desk) -> DataKeys:
    return DataKeys(desk.store, KEY, desk.database.provisioner.fence, desk.database.clock, patience_s=0)


async def test_texts_come_sealed_and_are_compared_before_and_after_a_change_of_keys(desk: Desk) -> None:
    async with desk.store.transaction(SYSTEM) as tx:
        await tx.bots.add("mira", {"name": "Mira", "data_isolation": {"encrypt_messages": True}})
        await first_ring(tx, KEY, "mira")
    assert (await desk.bring(SAMPLE))["messages"] == 48
    raw = await desk.database.connect()
    assert await raw.fetchval("SELECT count(*) FROM messages WHERE text_sealed IS NOT NULL AND text = ''") == 48
    assert await desk.differences(SAMPLE) == []
    assert not await desk.bring(SAMPLE)
    done = await _keys(desk).rotate("mira")
    assert done is not None
    assert done.done
    assert await desk.differences(SAMPLE) == []
    assert (await desk.take_back())["messages"] == 48


async def test_an_imported_session_goes_back_also_after_a_change_of_keys(desk: Desk, tmp_path: Path) -> None:
    before = await desk.dump()
    write_session(tmp_path / "han_session.session")
    await desk.bring(tmp_path)
    done = await _keys(desk).rotate("mira")
    assert done is not None
    assert done.done
    assert await desk.differences(tmp_path) == []
    gone = await desk.take_back()
    assert (gone["sessions"], gone["bots"]) == (1, 1)
    assert await desk.dump() == before
