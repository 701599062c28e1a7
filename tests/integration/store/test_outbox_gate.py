"""Nothing goes out to a contact who has not been told; what cannot or must not go out takes its company along."""

from datetime import timedelta

import pytest

from hanfleet.core.errors import PermanentError
from hanfleet.store.records import OutboxKind, OutboxState, Part, TurnDecision
from tests.integration.store.conversation_steps import (
    ANN,
    NOON,
    begin_send,
    decide,
    disclose,
    end_send,
    later,
    load,
    message,
    ready,
    send,
    take,
    take_up,
)
from tests.support.database import BotLogIn, Database


async def _commit(bot: BotLogIn, *parts: Part) -> None:
    context = await load(bot)
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.turns.commit(bot.bot_id, TurnDecision(ANN, context.newest_inbound, parts))


async def _states(bot: BotLogIn, database: Database) -> list[str]:
    raw = await database.connect()
    return [row["state"] for row in await raw.fetch("SELECT state FROM outbox ORDER BY position")]


@pytest.mark.parametrize("kind", [kind for kind in OutboxKind if kind is not OutboxKind.DISCLOSURE])
async def test_nothing_else_is_ready_before_the_disclosure(database: Database, kind: OutboxKind) -> None:
    bot = await database.add_bot()
    await take(bot, message(10))
    await _commit(bot, Part(kind, "hi"))
    assert list(await ready(bot)) == []
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.outbox.next_at("anna") is None


async def test_an_undisclosed_chat_has_nothing_to_take_up(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10))
    await _commit(bot, Part(OutboxKind.REPLY, "hi"))
    assert await take_up(bot, later(3600)) is None
    assert await _states(bot, database) == ["pending"]


async def test_a_head_is_begun_when_its_waits_are_over_and_not_before(database: Database) -> None:
    bot = await database.add_bot()
    await disclose(bot)
    await take(bot, message(10))
    assert await decide(bot, await load(bot), "hi")
    (row,) = await ready(bot, later(3600))
    early = await take_up(bot, row.created_at)
    assert early is not None
    assert (early.state, early.attempts) == (OutboxState.PENDING, 0)
    due = row.created_at + timedelta(milliseconds=row.read_wait_ms + row.typing_ms)
    begun = await take_up(bot, due)
    assert begun is not None
    assert (begun.state, begun.attempts, begun.first_attempt_at) == (OutboxState.SENDING, 1, due)
    again = await take_up(bot, later(7200))
    assert again == begun
    async with bot.store.transaction(bot.principal) as tx:
        await tx.outbox.reschedule("anna", row.id, later(9000), maybe_sent=False)
    assert await take_up(bot, later(8999)) is None


async def test_the_database_itself_refuses_to_mark_an_undisclosed_reply(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10))
    await _commit(bot, Part(OutboxKind.REPLY, "hi"))
    raw = await database.connect()
    row_id = await raw.fetchval("SELECT id FROM outbox")
    with pytest.raises(PermanentError, match="has not been told"):
        async with bot.store.transaction(bot.principal) as tx:
            await tx.outbox.mark_sending("anna", row_id, NOON)
    with pytest.raises(PermanentError, match="has not been told"):
        async with bot.store.transaction(bot.principal) as tx:
            await tx.outbox.mark_sent("anna", row_id, 5, NOON)


async def test_a_disclosure_that_comes_later_overtakes_what_waits_for_it(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10))
    await _commit(bot, Part(OutboxKind.REPLY, "first"))
    await take(bot, message(11))
    await decide(bot, await load(bot), "second")
    sent = []
    for telegram_id in (12, 13, 14):
        (row,) = await ready(bot)
        sent.append(row.text)
        await send(bot, row, telegram_id)
    assert sent == ["I am an AI.", "first", "second"]


async def test_a_pending_disclosure_is_told_to_the_next_turn(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10))
    await decide(bot, await load(bot), "hi")
    await take(bot, message(11))
    assert (await load(bot)).disclosure_pending


async def test_a_failed_part_cancels_the_later_ones_of_its_turn_only(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10))
    await decide(bot, await load(bot), "one", "two")
    await take(bot, message(11))
    (disclosure,) = await ready(bot)
    await begin_send(bot, disclosure)
    async with bot.store.transaction(bot.principal) as tx:
        await tx.outbox.mark_failed("anna", disclosure.id, "USER_IS_BLOCKED", NOON)
        await tx.outbox.mark_failed("anna", disclosure.id, "USER_IS_BLOCKED", NOON)
    assert await _states(bot, database) == ["failed", "cancelled", "cancelled"]
    context = await load(bot)
    assert not context.disclosure_pending
    assert [entry.text for entry in context.history] == ["hello"]
    # The next turn discloses anew and is not held up.
    await decide(bot, context, "again")
    (row,) = await ready(bot)
    assert row.kind is OutboxKind.DISCLOSURE


async def test_opting_out_cancels_replies_but_not_notices(database: Database) -> None:
    bot = await database.add_bot()
    await disclose(bot)
    await take(bot, message(10))
    await _commit(
        bot, Part(OutboxKind.REPLY, "one"), Part(OutboxKind.NOTICE, "I stop."), Part(OutboxKind.FALLBACK, "x")
    )
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.contacts.set_opted_out("anna", ANN, NOON)
        assert not await tx.contacts.set_opted_out("anna", ANN, later(1))
    (row,) = await ready(bot)
    assert row.text == "I stop."
    async with bot.store.transaction(bot.principal) as tx:
        contact = await tx.contacts.get("anna", ANN)
        assert contact is not None
        assert contact.opted_out_at == NOON
        assert await tx.contacts.set_opted_out("anna", ANN, None)
        assert [entry.chat_id for entry in await tx.contacts.list("anna")] == [ANN]
        assert list(await tx.contacts.list("anna", after=ANN)) == []


async def test_what_may_have_been_sent_is_not_cancelled(database: Database) -> None:
    bot = await database.add_bot()
    await disclose(bot)
    await take(bot, message(10))
    await decide(bot, await load(bot), "one", "two")
    (row,) = await ready(bot)
    await begin_send(bot, row)
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.outbox.cancel_pending("anna", ANN) == 1
    assert [entry.state for entry in await ready(bot)] == [OutboxState.SENDING]
    async with bot.store.transaction(bot.principal) as tx:
        await tx.outbox.reschedule("anna", row.id, later(5))
    assert list(await ready(bot)) == []
    (again,) = await ready(bot, later(5))
    assert (again.state, again.random_id) == (OutboxState.SENDING, row.random_id)
    await end_send(bot, again, 11)


async def test_a_postponed_conversation_waits_and_never_comes_forward(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10), wait=4)
    async with bot.store.transaction(bot.principal) as tx:
        await tx.conversations.postpone("anna", ANN, later(60))
        await tx.conversations.postpone("anna", ANN, later(1))
        assert await tx.conversations.next_due_at("anna") == later(60)
