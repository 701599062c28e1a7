"""After a restore Telegram tells of what the bot wrote since the backup: nobody is silenced by that, or answered twice."""

from datetime import timedelta

import pytest
import pytest_asyncio
from asyncpg.exceptions import InsufficientPrivilegeError

from hanfleet.core.messages import Author, SessionSnapshot
from hanfleet.store.records import OutboxState
from tests.integration.store.conversation_steps import (
    ANN,
    NOON,
    clear,
    decide,
    disclose,
    later,
    load,
    message,
    ready,
    take,
)
from tests.support.database import BotLogIn, Database

LONG_AFTER = NOON + timedelta(days=1)


@pytest_asyncio.fixture(params=["in clear", "sealed"])
async def bot(database: Database, request: pytest.FixtureRequest) -> BotLogIn:
    """One whose session is there, whom Ann knows, and who was restored at noon."""
    bot = await database.add_bot(sealing=request.param == "sealed")
    snapshot = SessionSnapshot(2, "127.0.0.1", 443, b"key")
    async with bot.store.transaction(bot.principal) as tx:
        await tx.sessions.save_identity(bot.bot_id, snapshot, clear)
    await disclose(bot)
    await (await database.connect()).execute("UPDATE sessions SET restored_at = $1", NOON)
    return bot


async def test_what_the_bot_answered_since_the_backup_silences_nobody(bot: BotLogIn) -> None:
    taken = await take(bot, message(10, "how are you?"), message(11, "fine", outgoing=True))
    assert (taken.recognised, taken.taken_over) == ((), ())
    context = await load(bot)
    assert context.contact.paused_at is None
    assert [(row.author, row.text) for row in context.history][-2:] == [
        (Author.CONTACT, "how are you?"),
        (Author.BOT, "fine"),
    ]
    # Told once more, it changes nothing.
    assert (await take(bot, message(11, "fine", outgoing=True))).taken_over == ()
    # And who writes now is answered.
    await take(bot, message(12, "and now?", at=LONG_AFTER))
    context = await load(bot)
    assert [row.text for row in context.fresh] == ["and now?"]
    assert context.conversation.response_id is None
    assert await decide(bot, context, "still fine")
    assert [row.text for row in await ready(bot)] == ["still fine"]


async def test_what_came_before_it_counts_as_answered(bot: BotLogIn) -> None:
    await take(bot, message(10), message(11))
    await take(bot, message(12, "fine", outgoing=True))
    context = await load(bot)
    assert context.fresh == ()
    talk = context.conversation
    assert (talk.answered_through, talk.reply_due_at, talk.waiting_since) == (11, None, None)


async def test_what_came_after_it_is_still_to_be_answered(bot: BotLogIn) -> None:
    await take(bot, message(10), message(11, "fine", outgoing=True), message(12, "and you?"))
    context = await load(bot)
    assert [row.text for row in context.fresh] == ["and you?"]
    assert (context.conversation.answered_through, context.conversation.reply_due_at) == (10, later(4))
    assert context.conversation.waiting_since == NOON


async def test_a_turn_that_is_being_thought_about_meanwhile_writes_nothing(bot: BotLogIn) -> None:
    await take(bot, message(10))
    context = await load(bot)
    await take(bot, message(11, "fine", outgoing=True))
    assert await decide(bot, context, "fine, thanks")
    assert list(await ready(bot)) == []


async def test_an_answer_that_was_decided_already_is_not_sent(bot: BotLogIn) -> None:
    await take(bot, message(10))
    await decide(bot, await load(bot), "fine, thanks")
    await take(bot, message(11, "fine", outgoing=True))
    assert list(await ready(bot)) == []
    assert "fine, thanks" not in [row.text for row in (await load(bot)).history]


async def test_what_waited_in_the_backup_and_went_out_since_is_known_by_its_text(bot: BotLogIn) -> None:
    await take(bot, message(10))
    await decide(bot, await load(bot), "first part", "second part")
    (row,) = await ready(bot)
    taken = await take(bot, message(11, "first part", outgoing=True))
    assert (taken.recognised, taken.taken_over) == ((row.id,), ())
    async with bot.store.transaction(bot.principal) as tx:
        sent = await tx.outbox.get(bot.bot_id, row.id)
    assert sent is not None
    assert (sent.state, sent.telegram_id) == (OutboxState.SENT, 11)
    # Its fleet stopped before the second part went out: Ann gets it now.
    assert [row.text for row in await ready(bot)] == ["second part"]


async def test_a_disclosure_that_was_not_sent_by_the_backup(bot: BotLogIn) -> None:
    """Ben was told since, and answered. The gate stands: what came out of order is not taken for the row behind it."""
    await take(bot, message(20, chat_id=2))
    await decide(bot, await load(bot, 2), "hi")
    await take(bot, message(22, "hi", chat_id=2, outgoing=True))
    await take(bot, message(21, "I am an AI.", chat_id=2, outgoing=True))
    assert list(await ready(bot)) == []
    assert (await load(bot, 2)).contact.disclosed_at is None


async def test_nobody_becomes_a_contact_by_it(database: Database, bot: BotLogIn) -> None:
    """Whom the backup does not know, and who wrote nothing since, was perhaps erased."""
    taken = await take(bot, message(30, "as promised", chat_id=3, outgoing=True))
    assert (taken.recognised, taken.taken_over) == ((), ())
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.conversations.load_turn(bot.bot_id, 3, 20) is None


async def test_what_the_owner_types_after_the_restore_still_pauses(bot: BotLogIn) -> None:
    taken = await take(bot, message(10, "it is me now", outgoing=True, at=later(11)))
    assert taken.taken_over == (ANN,)
    assert (await load(bot)).contact.paused_at == NOON


async def test_clocks_differ_by_seconds(bot: BotLogIn) -> None:
    assert (await take(bot, message(10, "fine", outgoing=True, at=later(10)))).taken_over == ()


_COLUMNS = "bot_id, is_bot, dc_id, server_address, port, auth_key_sealed, updated_at, restored_at"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sessions SET restored_at = now()",
        f"INSERT INTO sessions ({_COLUMNS}) VALUES ('anna', false, 2, '', 443, '', now(), now())",
    ],
)
async def test_a_bot_cannot_say_when_it_was_restored(database: Database, statement: str) -> None:
    bot = await database.add_bot()
    raw = await database.connect(bot.url)
    with pytest.raises(InsufficientPrivilegeError):
        await raw.execute(statement)
