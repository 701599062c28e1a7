"""A bot that keeps its texts sealed: contacts notice nothing, and nobody reads them in the database."""

import pytest

from hanfleet.core.errors import PermanentError
from hanfleet.persona.texts import DISCLOSURE
from hanfleet.store.session import Transaction
from hanfleet.store.texts import Texts
from hanfleet.vault import KeyRing
from tests.support.database import SYSTEM
from tests.support.waiting import eventually
from tests.support.workers import DATA_KEY, Rehearsal, times

pytestmark = pytest.mark.no_cover  # test_walk goes the same ways, once

SEALED = {"data_isolation": {"encrypt_messages": True}}


async def found_in_the_database(rehearsal: Rehearsal, *words: str) -> set[str]:
    """Where any of ``words`` stands: every column of every table, seen by the superuser."""
    found = set()
    columns = await rehearsal.rows(
        """SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t
           USING (table_schema, table_name) WHERE table_schema = 'public' AND t.table_type = 'BASE TABLE'"""
    )
    for table, column in columns:
        # A byte array's text form is hexadecimal, so both forms are looked for.
        forms = [form for word in words for form in (word, word.encode().hex())]
        for form in forms:
            if await rehearsal.rows(f"""SELECT 1 FROM "{table}" WHERE "{column}"::text LIKE '%{form}%' LIMIT 1"""):
                found.add(f"{table}.{column}")
    return found


def texts_of(rehearsal: Rehearsal) -> Texts:
    ring = KeyRing(rehearsal.bot.bot_id, {1: DATA_KEY})
    return Texts(ring.seal, ring.open)


async def said(rehearsal: Rehearsal, chat_id: int) -> list[str]:
    async with rehearsal.database.api.transaction(SYSTEM) as tx:
        tx.use_texts(texts_of(rehearsal))
        return [row.text for row in await tx.messages.list("mia", chat_id)]


async def test_the_whole_walk_leaves_nothing_readable(rehearsal: Rehearsal):
    await rehearsal.configure(**SEALED, persona={"prompt": "You like gardens.", "language": "en"})
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello, my cat is called Zebedee #deadbeef")
        await ann.hears_about("#deadbeef")
        await ann.says("And I live in Timbuktu #cafebabe")
        heard = await ann.hears_about("#cafebabe")
        await rehearsal.database.api.run(SYSTEM, lambda tx: remember(rehearsal, tx, ann.id))
        await worker.stop()
    assert heard[0] == DISCLOSURE["en"]
    assert times(heard, "#deadbeef") == times(heard, "#cafebabe") == 1
    words = ("Zebedee", "Timbuktu", "deadbeef", "cafebabe", "unicycle", "saxophone", DISCLOSURE["en"][:20])
    assert await found_in_the_database(rehearsal, *words) == set()
    stored = await said(rehearsal, ann.id)
    assert stored[0] == "Hello, my cat is called Zebedee #deadbeef"
    assert stored[1:3] == heard[:2]
    async with rehearsal.database.api.transaction(SYSTEM) as tx:
        tx.use_texts(texts_of(rehearsal))
        assert await tx.facts.known("mia", ann.id) == {"hobby": "rides a unicycle"}
        newest = await tx.summaries.newest("mia", ann.id)
        assert newest is not None
        assert newest.summary == "plays the saxophone"


async def remember(rehearsal: Rehearsal, tx: Transaction, chat_id: int) -> None:
    texts = texts_of(rehearsal)
    texts.sealing = True
    tx.use_texts(texts)
    await tx.facts.learn("mia", chat_id, {"hobby": "rides a unicycle"})
    [last, *_] = await tx.messages.list("mia", chat_id)
    await tx.summaries.add("mia", chat_id, "plays the saxophone", through=last.id)


@pytest.mark.parametrize(("place", "step"), [("after", "turn.commit"), ("after", "send"), ("before", "outbox.sent")])
async def test_a_crash_neither_loses_nor_doubles(rehearsal: Rehearsal, place: str, step: str):
    await rehearsal.configure(**SEALED)
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        rehearsal.checkpoints.crash_at = (place, step)
        await ann.says("Hello there #deadbeef")
        await eventually(worker.task.done)
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Still there? #12345678")
        heard = await ann.hears_about("#deadbeef", "#12345678")
        await worker.stop()
    assert times(heard, "#deadbeef") == times(heard, "#12345678") == 1
    assert times(heard, DISCLOSURE["en"]) == 1
    assert await found_in_the_database(rehearsal, "deadbeef") == set()


async def test_the_setting_is_switched_while_the_bot_works(rehearsal: Rehearsal):
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello Zebedee")
        await ann.hears(lambda heard: len(heard) == 2)
        await rehearsal.configure(**SEALED)
        assert await worker.instance._reload() == {"changed": ["data_isolation"]}
        await ann.says("Hello Timbuktu")
        await ann.hears(lambda heard: len(heard) == 3)
        await worker.stop()
    assert await found_in_the_database(rehearsal, "Timbuktu") == set()
    assert "messages.text" in await found_in_the_database(rehearsal, "Zebedee")
    assert {"Hello Zebedee", "Hello Timbuktu"} < set(await said(rehearsal, ann.id))


async def test_without_the_keys_a_sealed_text_is_refused_and_not_taken_for_an_empty_one(rehearsal: Rehearsal):
    await rehearsal.configure(**SEALED)
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello Zebedee")
        await ann.hears(lambda heard: len(heard) == 2)
        await worker.stop()
    async with rehearsal.database.api.transaction(SYSTEM) as tx:
        with pytest.raises(PermanentError, match="sealed"):
            await tx.messages.list("mia", ann.id)
