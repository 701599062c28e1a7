"""Our own messages that come back are ours; what the outbox does not know the owner typed. Texts in clear and sealed."""

import pytest
import pytest_asyncio

from hanfleet.core.messages import Author, MessageDeletion, MessageEdit, UpdateBatch
from hanfleet.store.records import OutboxState
from tests.integration.store.conversation_steps import (
    ANN,
    NOON,
    begin_send,
    clear,
    decide,
    disclose,
    end_send,
    later,
    load,
    message,
    ready,
    take,
)
from tests.support.database import SYSTEM, BotLogIn, Database


@pytest_asyncio.fixture(params=["in clear", "sealed"])
async def bot(database: Database, request: pytest.FixtureRequest) -> BotLogIn:
    return await database.add_bot(sealing=request.param == "sealed")


async def _state_of(bot: BotLogIn, row_id: object) -> tuple[OutboxState, int | None]:
    async with bot.store.transaction(bot.principal) as tx:
        row = await tx.outbox.get(bot.bot_id, row_id)  # type: ignore[arg-type]
    assert row is not None
    return row.state, row.telegram_id


async def test_the_echo_of_a_message_whose_answer_was_lost_marks_it_sent(bot: BotLogIn) -> None:
    await take(bot, message(10))
    await decide(bot, await load(bot))
    (row,) = await ready(bot)
    await begin_send(bot, row)
    taken = await take(bot, message(11, row.text, outgoing=True))
    assert taken.recognised == (row.id,)
    assert taken.taken_over == ()
    assert await _state_of(bot, row.id) == (OutboxState.SENT, 11)
    context = await load(bot)
    assert context.contact.disclosed_at == NOON
    assert context.contact.paused_at is None
    # The send's own answer, late, and the echo again: no-ops.
    await end_send(bot, row, 11)
    assert (await take(bot, message(11, row.text, outgoing=True))).recognised == ()


async def test_an_echo_fills_the_id_that_a_refused_duplicate_did_not_tell(bot: BotLogIn) -> None:
    await take(bot, message(10))
    await decide(bot, await load(bot))
    (row,) = await ready(bot)
    await begin_send(bot, row)
    await end_send(bot, row, None)
    assert await _state_of(bot, row.id) == (OutboxState.SENT, None)
    assert (await take(bot, message(11, row.text, outgoing=True))).recognised == (row.id,)
    assert await _state_of(bot, row.id) == (OutboxState.SENT, 11)


async def test_while_a_row_is_being_sent_another_text_is_no_takeover_and_no_proof(bot: BotLogIn) -> None:
    await take(bot, message(10))
    await decide(bot, await load(bot))
    (row,) = await ready(bot)
    await begin_send(bot, row)
    taken = await take(bot, message(11, "as Telegram changed it", outgoing=True))
    assert (taken.recognised, taken.taken_over) == ((row.id,), ())
    assert await _state_of(bot, row.id) == (OutboxState.SENDING, 11)
    await end_send(bot, row, None)
    assert await _state_of(bot, row.id) == (OutboxState.SENT, 11)


async def test_what_the_owner_types_pauses_the_ai_and_cancels_what_waits(database: Database, bot: BotLogIn) -> None:
    await disclose(bot)
    await take(bot, message(10))
    await decide(bot, await load(bot), "soon")
    taken = await take(bot, message(11, "let me answer this myself", outgoing=True))
    assert (taken.recognised, taken.taken_over) == ((), (ANN,))
    assert list(await ready(bot)) == []
    context = await load(bot)
    assert context.contact.paused_at == NOON
    assert [(entry.author, entry.text) for entry in context.history][-1] == (
        Author.OWNER,
        "let me answer this myself",
    )
    assert "soon" not in [entry.text for entry in context.history]
    assert (await take(bot, message(11, "let me answer this myself", outgoing=True))).taken_over == ()
    async with database.supervisor.transaction(SYSTEM) as tx:
        changes = [event.data for event in await tx.events.list(type="profile.contact.updated")]
    assert [change["change"] for change in changes] == ["paused"]


async def test_the_owner_may_write_to_a_stranger_first(bot: BotLogIn) -> None:
    await take(bot, message(1, "hi, it's me", chat_id=77, outgoing=True))
    context = await load(bot, 77)
    assert context.contact.paused_at is not None
    assert context.contact.message_count == 0
    assert context.conversation.reply_due_at is None


async def test_a_refused_send_is_not_taken_for_the_owners_words(database: Database) -> None:
    """After FLOOD_WAIT a row waits for minutes; what the owner types meanwhile is a takeover."""
    bot = await database.add_bot()
    await disclose(bot)
    await take(bot, message(10))
    await decide(bot, await load(bot), "soon")
    (row,) = await ready(bot)
    await begin_send(bot, row)
    async with bot.store.transaction(bot.principal) as tx:
        await tx.outbox.reschedule("anna", row.id, later(600), error="FLOOD_WAIT_600", maybe_sent=False)
    taken = await take(bot, message(11, "I am here", outgoing=True))
    assert taken.taken_over == (ANN,)


async def test_edits_and_deletions_change_what_is_stored(bot: BotLogIn) -> None:
    await take(bot, message(10, "helo"), message(11, "forget this"))
    changes = UpdateBatch(
        None, edits=(MessageEdit(ANN, 10, "hello"), MessageEdit(ANN, 99, "?")), deletions=(MessageDeletion((11, 98)),)
    )
    async with bot.store.transaction(bot.principal) as tx:
        await tx.inbox.take("anna", changes, later(1), 4, clear)
    context = await load(bot)
    assert [(entry.text, entry.edited_at) for entry in context.fresh] == [("hello", later(1))]
    async with bot.store.transaction(bot.principal) as tx:
        kept = await tx.messages.list("anna", ANN)
    assert [entry.deleted_at for entry in kept] == [None, later(1)]
