"""What a bot remembers of a contact and plans for one: facts, summaries, schedules."""

from datetime import timedelta

import pytest

from hanfleet.core.errors import PermanentError
from hanfleet.store.records import ScheduleKind
from tests.integration.store.conversation_steps import ANN, NOON, message, take
from tests.support.database import SYSTEM, Database


async def test_a_newer_fact_takes_the_place_of_the_old_one_of_its_topic(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(1))
    async with bot.store.transaction(bot.principal) as tx:
        await tx.facts.learn("anna", ANN, {"home": "Lives in Riga.", "work": "Teaches\x00."})
        await tx.facts.learn("anna", ANN, {"home": "Moved to Tartu."})
        assert await tx.facts.known("anna", ANN) == {"home": "Moved to Tartu.", "work": "Teaches\ufffd."}
        assert await tx.facts.known("anna", ANN + 1) == {}
    with pytest.raises(PermanentError):
        async with bot.store.transaction(bot.principal) as tx:
            await tx.facts.learn("anna", ANN, {"home": ""})


async def test_the_newest_summary_counts(database: Database) -> None:
    bot = await database.add_bot()
    (taken,) = (await take(bot, message(1))).fresh
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.summaries.newest("anna", ANN) is None
        for words in ("They met.", "They met and spoke of tea."):
            await tx.summaries.add("anna", ANN, words, through=taken.id)
        newest = await tx.summaries.newest("anna", ANN)
    assert newest is not None
    assert (newest.summary, newest.through) == ("They met and spoke of tea.", taken.id)


async def test_what_is_planned_is_done_once(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(1))
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.schedules.next_due_at("anna") is None
        await tx.schedules.plan("anna", ANN, ScheduleKind.FOLLOW_UP, NOON)
        await tx.schedules.plan("anna", ANN, ScheduleKind.FOLLOW_UP, NOON + timedelta(hours=1))
        assert await tx.schedules.due("anna", NOON) == []
        assert await tx.schedules.next_due_at("anna") == NOON + timedelta(hours=1)
        (due,) = await tx.schedules.due("anna", NOON + timedelta(hours=1))
        assert due.kind is ScheduleKind.FOLLOW_UP
        assert await tx.schedules.settle("anna", due.id)
        assert not await tx.schedules.settle("anna", due.id)
        await tx.schedules.plan("anna", ANN, ScheduleKind.FOLLOW_UP, NOON)
        await tx.schedules.cancel("anna", ANN)
        assert await tx.schedules.due("anna", NOON) == []


async def test_all_of_it_goes_with_the_contact(database: Database) -> None:
    bot = await database.add_bot()
    (taken,) = (await take(bot, message(1))).fresh
    async with bot.store.transaction(bot.principal) as tx:
        await tx.facts.learn("anna", ANN, {"home": "Lives in Riga."})
        await tx.summaries.add("anna", ANN, "They met.", through=taken.id)
        await tx.schedules.plan("anna", ANN, ScheduleKind.TIMER, NOON)
    async with database.supervisor.transaction(SYSTEM) as tx:
        await tx.bots.erase("anna")
    admin = await database.connect()
    for table in ("facts", "summaries", "schedules"):
        assert await admin.fetchval(f"SELECT count(*) FROM {table}") == 0
