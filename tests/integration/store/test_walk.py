"""Walk 1 of a message through the store, as the bot's own role."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hanfleet.core.events import Event
from hanfleet.core.messages import Author, Direction
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
)
from tests.support.database import SYSTEM, BotLogIn, Database


async def _events(database: Database, bot: BotLogIn) -> list[Event]:
    async with database.supervisor.transaction(SYSTEM) as tx:
        return list(await tx.events.list(bot_id=bot.bot_id, limit=1000))


async def test_a_message_is_taken_answered_and_sent_in_order(database: Database) -> None:
    bot = await database.add_bot()
    taken = await take(bot, message(10, "hello"), message(11, "are you there?"))
    assert [entry.telegram_id for entry in taken.fresh] == [10, 11]
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.conversations.next_due_at("anna") == later(4)
        assert list(await tx.conversations.due("anna", later(3.9))) == []
        assert list(await tx.conversations.due("anna", later(4))) == [ANN]
        assert await tx.conversations.oldest_unanswered_at("anna") == later(4)

    context = await load(bot)
    assert [entry.text for entry in context.fresh] == ["hello", "are you there?"]
    assert (context.newest_inbound, context.contact.name, context.contact.message_count) == (11, "Ann", 2)
    assert await decide(bot, context, "Yes!", "And you?")
    async with bot.store.transaction(bot.principal) as tx:
        standing = await tx.conversations.get("anna", ANN)
        assert standing is not None
        assert (standing.answered_through, standing.reply_due_at, standing.response_id) == (11, None, "r1")
        assert await tx.conversations.next_due_at("anna") is None

    texts = []
    for telegram_id in (12, 13, 14):
        (row,) = await ready(bot)
        texts.append((row.kind, row.text, row.answers))
        await send(bot, row, telegram_id)
    assert texts == [
        (OutboxKind.DISCLOSURE, "I am an AI.", 11),
        (OutboxKind.REPLY, "Yes!", 11),
        (OutboxKind.REPLY, "And you?", 11),
    ]
    assert list(await ready(bot)) == []
    async with bot.store.transaction(bot.principal) as tx:
        talk = await tx.messages.list("anna", ANN)
        assert await tx.conversations.oldest_unanswered_at("anna") is None
    assert [(entry.direction, entry.telegram_id) for entry in talk] == [
        (Direction.IN, 10), (Direction.IN, 11), (Direction.OUT, 12), (Direction.OUT, 13), (Direction.OUT, 14),
    ]  # fmt: skip
    assert (await load(bot)).contact.disclosed_at == NOON

    events = await _events(database, bot)
    assert [event.seq for event in sorted(events, key=lambda event: event.seq or 0)] == list(range(1, len(events) + 1))
    assert [event.type for event in sorted(events, key=lambda event: event.seq or 0)][1:] == [
        "user.message.received",
        "user.message.received",
        "user.turn.decided",
        "user.message.sent",
        "profile.contact.disclosed",
        "user.message.sent",
        "user.message.sent",
    ]
    for event in events:
        assert event.payload().bot_id == "anna"


async def test_a_repeated_update_changes_nothing(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10))
    before = await load(bot), len(await _events(database, bot))
    again = await take(bot, message(10), now=later(60))
    assert again.fresh == ()
    assert (await load(bot), len(await _events(database, bot))) == before


async def test_a_burst_moves_the_answer_and_one_turn_takes_it_all(database: Database) -> None:
    bot = await database.add_bot()
    for seconds, telegram_id in ((0, 10), (3, 11), (6, 12)):
        await take(bot, message(telegram_id), now=later(seconds))
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.conversations.next_due_at("anna") == later(10)
        assert await tx.conversations.oldest_unanswered_at("anna") == later(10)
    assert len((await load(bot)).fresh) == 3


async def test_a_burst_without_an_end_is_due_every_five_waits(database: Database) -> None:
    bot = await database.add_bot()
    due = []
    for place in range(20):
        taken = await take(bot, message(10 + place), now=later(3 * place))
        due.append(taken.fresh[0].due_at)
        async with bot.store.transaction(bot.principal) as tx:
            assert await tx.conversations.next_due_at("anna") == due[-1]
    assert due == [later(min(3 * place + 4, 20 * (3 * place // 20 + 1))) for place in range(20)]
    # Decided, the next message begins a new one.
    assert await decide(bot, await load(bot), "so many words")
    assert (await take(bot, message(40), now=later(61))).fresh[0].due_at == later(65)
    assert (await take(bot, message(50, chat_id=ANN + 1), now=later(61), wait=0)).fresh[0].due_at == later(61)


async def test_what_waits_by_plan_is_not_unanswered(database: Database) -> None:
    bot = await database.add_bot()

    async def oldest() -> datetime | None:
        async with bot.store.transaction(bot.principal) as tx:
            return await tx.conversations.oldest_unanswered_at("anna")

    now = datetime.now(UTC)
    await take(bot, message(10), now=now)
    assert await oldest() is None
    boris = ANN + 1
    await take(bot, message(11, chat_id=boris))
    assert await oldest() == later(4)
    async with bot.store.transaction(bot.principal) as tx:
        await tx.conversations.postpone("anna", boris, now + timedelta(hours=9))
    assert await oldest() is None


async def test_a_flood_limit_puts_off_all_of_its_chat(database: Database) -> None:
    """Also what was decided while it lasted: it goes out after the first part, and has not waited since its decision."""
    bot = await database.add_bot()
    admin = await database.connect()
    await disclose(bot)
    await take(bot, message(10))
    assert await decide(bot, await load(bot), "one", "two")
    (first,) = await ready(bot)
    assert await begin_send(bot, first)
    over = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    async with bot.store.transaction(bot.principal) as tx:
        await tx.outbox.reschedule("anna", first.id, over, error="FLOOD_WAIT")
    await take(bot, message(11))
    assert await decide(bot, await load(bot), "three")
    await admin.execute("UPDATE outbox SET created_at = created_at - interval '1 hour'")
    for telegram_id, text in enumerate(("one", "two", "three"), 12):
        assert list(await ready(bot, over - timedelta(seconds=1))) == []
        (row,) = await ready(bot, over)
        assert (row.text, row.error) == (text, "FLOOD_WAIT" if text == "one" else None)
        assert await begin_send(bot, row)
        async with bot.store.transaction(bot.principal) as tx:
            assert await tx.conversations.oldest_unanswered_at("anna") is None
        await end_send(bot, row, telegram_id)


async def test_a_decision_on_an_older_state_is_refused_and_writes_nothing(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10))
    context = await load(bot)
    await take(bot, message(11, "wait"))
    assert not await decide(bot, context, "too late")
    assert list(await ready(bot)) == []
    fresh = await load(bot)
    assert [entry.telegram_id for entry in fresh.fresh] == [10, 11]
    assert await decide(bot, fresh, "now")


async def test_a_decision_that_names_what_it_answers_leaves_newer_messages_their_own(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10), message(11))
    context = await load(bot)
    late = later(8)
    await take(bot, message(12, "and this?"), now=late)
    parts = (Part(OutboxKind.DISCLOSURE, "I am an AI."), Part(OutboxKind.REPLY, "to both"))
    decision = TurnDecision(ANN, context.newest_inbound, parts, through=context.fresh[-1].id)

    async def decided() -> bool:
        async with bot.store.transaction(bot.principal) as tx:
            return await tx.turns.commit("anna", decision)

    # Not over the head of who opted out meanwhile, or of a person who took over.
    for column in ("opted_out_at", "paused_at"):
        admin = await database.connect()
        await admin.execute(f"UPDATE user_profiles SET {column} = now()")
        assert not await decided()
        await admin.execute(f"UPDATE user_profiles SET {column} = NULL")
    assert await decided()
    fresh = await load(bot)
    assert [entry.telegram_id for entry in fresh.fresh] == [12]
    assert (fresh.conversation.answered_through, fresh.conversation.reply_due_at) == (11, later(12))
    assert await decided()  # again, as when the answer to a commit was lost
    assert await decide(bot, fresh, "to the last")
    async with bot.store.transaction(bot.principal) as tx:
        rows = await tx.outbox.page("anna")
        assert [row.text for row in rows] == ["I am an AI.", "to both", "to the last"]
        standing = await tx.conversations.get("anna", ANN)
    assert standing is not None
    assert (standing.answered_through, standing.reply_due_at, standing.waiting_since) == (12, None, None)


async def test_a_repeated_decision_is_a_no_op(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10))
    context = await load(bot)
    assert await decide(bot, context, "first")
    (row,) = await ready(bot)
    assert await decide(bot, context, "second")
    await send(bot, row, 11)
    (reply,) = await ready(bot)
    assert reply.text == "first"
    await send(bot, reply, 12)
    assert list(await ready(bot)) == []
    # A repeat is still known as decided when newer messages came meanwhile.
    await take(bot, message(13))
    assert await decide(bot, context, "third")
    assert [entry.telegram_id for entry in (await load(bot)).fresh] == [13]


async def test_a_message_that_arrives_late_gets_its_own_turn(database: Database) -> None:
    """After a gap the history may bring a message older than one that was answered already."""
    bot = await database.add_bot()
    await take(bot, message(16))
    assert await decide(bot, await load(bot), "to 16")
    await take(bot, message(15, "I was skipped"))
    context = await load(bot)
    assert [entry.text for entry in context.fresh] == ["I was skipped"]
    assert await decide(bot, context, "to 15")
    async with bot.store.transaction(bot.principal) as tx:
        standing = await tx.conversations.get("anna", ANN)
    assert standing is not None
    assert standing.answered_through == 16


async def test_deciding_not_to_answer_settles_the_conversation(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10))
    context = await load(bot)
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.turns.commit("anna", TurnDecision(ANN, context.newest_inbound, reason="opted_out"))
        assert await tx.conversations.next_due_at("anna") is None
    assert (await load(bot)).fresh == ()


async def test_history_is_the_talk_in_order_without_the_new_and_the_deleted(database: Database) -> None:
    bot = await database.add_bot()
    await disclose(bot)
    await take(bot, message(10, "older"), message(11, "newer"))
    context = await load(bot, history_limit=2)
    assert [entry.text for entry in context.fresh] == ["older", "newer"]
    assert [entry.text for entry in context.history] == []
    context = await load(bot, history_limit=5)
    assert [entry.text for entry in context.history] == ["hello", "I am an AI.", "hi"]
    assert [entry.author for entry in context.history] == [Author.CONTACT, Author.BOT, Author.BOT]
    # What waits is never cut off, however short the history.
    assert len((await load(bot, history_limit=1)).fresh) == 2


async def test_a_row_keeps_its_random_id_over_every_attempt(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10))
    await decide(bot, await load(bot), "hi")
    seen: set[int] = set()
    row = None
    for _ in range(3):
        (row,) = await ready(bot)
        seen.add(row.random_id)
        assert await begin_send(bot, row)
    assert row is not None
    assert len(seen) == 1
    await end_send(bot, row, None)
    await end_send(bot, row, 11)
    await end_send(bot, row, None)
    assert not await begin_send(bot, row)
    async with bot.store.transaction(bot.principal) as tx:
        kept = await tx.outbox.get("anna", row.id)
    assert kept is not None
    assert (kept.state, kept.telegram_id, kept.attempts) == (OutboxState.SENT, 11, 3)
    sent = [event for event in await _events(database, bot) if event.type == "user.message.sent"]
    assert [event.payload().message_id for event in sent] == [UUID(str(row.id))]


async def test_chats_do_not_wait_for_each_other(database: Database) -> None:
    bot = await database.add_bot()
    for chat_id in (1, 2, 3):
        await take(bot, message(10 + chat_id, chat_id=chat_id))
        await decide(bot, await load(bot, chat_id), "hi")
    heads = await ready(bot)
    assert [(row.chat_id, row.kind) for row in heads] == [(chat, OutboxKind.DISCLOSURE) for chat in (1, 2, 3)]
    async with bot.store.transaction(bot.principal) as tx:
        await tx.outbox.reschedule("anna", heads[0].id, later(30), error="FLOOD_WAIT", maybe_sent=False)
    assert [row.chat_id for row in await ready(bot)] == [2, 3]
    assert [row.chat_id for row in await ready(bot, later(30))] == [1, 2, 3]
    for row in heads[1:]:
        for part in (row, *[r for r in await ready(bot) if r.chat_id == row.chat_id and r.id != row.id]):
            await send(bot, part, part.position + 1000)
    for row in await ready(bot):
        await send(bot, row, row.position + 1000)
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.outbox.next_at("anna") == later(30)


async def test_texts_that_postgres_cannot_keep_are_mended_not_refused(database: Database) -> None:
    bot = await database.add_bot()
    await take(bot, message(10, "a\x00b\ud800c😀"))
    assert (await load(bot)).fresh[0].text == "a\ufffdb\ufffdc😀"


async def test_what_is_not_there_is_none_and_changes_nothing(database: Database) -> None:
    bot = await database.add_bot()
    stranger = UUID(int=7)
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.conversations.load_turn("anna", 404, 20) is None
        assert await tx.conversations.get("anna", 404) is None
        assert await tx.contacts.get("anna", 404) is None
        assert await tx.messages.get("anna", stranger) is None
        assert await tx.outbox.get("anna", stranger) is None
        assert await tx.outbox.next_at("anna") is None
        assert not await tx.outbox.mark_sending("anna", stranger, NOON)
        await tx.outbox.mark_sent("anna", stranger, 1, NOON)
        assert not await tx.turns.commit("anna", TurnDecision(404, 1))
    await take(bot, message(10))
    fresh = (await load(bot)).fresh[0]
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.messages.get("anna", fresh.id) == fresh
    types = {event.type for event in await _events(database, bot)}
    assert types == {"bot.registry.registered", "user.message.received"}
