"""Searching messages by their words: who may, what is found, in which order."""

from uuid import UUID

import asyncpg
import pytest

from hanfleet.core.messages import MessageDeletion, UpdateBatch
from hanfleet.store.principals import OperatorPrincipal
from tests.integration.store.conversation_steps import NOON, clear, message, take
from tests.support.database import OPERATOR, SYSTEM, BotLogIn, Database

TEXTS = (
    "We sailed two boats on the lake",
    "A boat, tea and no sugar",
    "Мы катались на лодках",
    "Чай без сахара, please",
)


async def _talk(database: Database, bot_id: str = "anna") -> BotLogIn:
    bot = await database.add_bot(bot_id)
    for number, words in enumerate(TEXTS, 1):
        await take(bot, message(number, words))
    return bot


async def _found(database: Database, query: str, bot_id: str = "anna") -> list[str]:
    async with database.api.transaction(OPERATOR) as tx:
        return [row.text for row in await tx.messages.search(bot_id, query)]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("boat", [1, 0]),
        ("BOATS sailing", [0]),
        ("лодка", [2]),
        ("сахар", [3]),
        ("tea or чай", [3, 1]),
        ("boat -tea", [0]),
        ('"no sugar"', [1]),
        ("submarine", []),
        ("the", []),  # too frequent to be kept
        ("a:* & b ' | \x00 (", []),  # no query language that could break
    ],
)
async def test_words_are_found_in_any_form_of_both_languages(database: Database, query: str, places: list[int]) -> None:
    await _talk(database)
    assert await _found(database, query) == [TEXTS[place] for place in places]


async def test_the_newest_come_first_and_pages_go_on(database: Database) -> None:
    bot = await database.add_bot()
    for number in range(1, 6):
        await take(bot, message(number, f"tea {number}"))
    async with database.api.transaction(OPERATOR) as tx:
        first = await tx.messages.search("anna", "tea", limit=3)
        rest = await tx.messages.search("anna", "tea", limit=3, before=first[-1].id)
    assert [row.text for row in (*first, *rest)] == [f"tea {number}" for number in (5, 4, 3, 2, 1)]


async def test_in_a_long_history_each_word_is_found_the_newest_first(database: Database) -> None:
    """However often it stands there, and wherever: frequent, rarer, rare, long ago, and never."""
    await database.add_bot()
    total = 24_000
    every = {"lake": 2, "boat": 30, "tea": 300, "sugar": 5_000}
    words = " || ".join(f"CASE WHEN n % {step} = 0 THEN ' {word}' ELSE '' END" for word, step in every.items())
    admin = await database.connect()
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(f"""
        INSERT INTO messages (bot_id, id, chat_id, direction, author, text, created_at, deleted_at)
        SELECT 'anna', ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 1, 'in', 'contact',
               'n ' || n || {words} || CASE WHEN n <= 700 THEN ' early' ELSE '' END, now(),
               CASE WHEN n % 7 = 0 THEN now() END
        FROM generate_series(1, {total}) AS n""")
    said = {word: [n for n in range(total, 0, -1) if n % step == 0 and n % 7] for word, step in every.items()}
    said |= {"early": [n for n in range(700, 0, -1) if n % 7], "boat tea": [n for n in said["tea"] if n % 30 == 0]}
    said |= {"early or sugar": sorted({*said["early"], *said["sugar"]}, reverse=True), "submarine": []}
    async with database.api.transaction(OPERATOR) as tx:
        for query, numbers in said.items():
            for begin, limit in ((0, 1), (0, 50), (60, 50), (0, 500)):
                before = UUID(int=(7 << 76 | 2 << 62) + numbers[begin - 1]) if 0 < begin <= len(numbers) else None
                rows = await tx.messages.search("anna", query, limit=limit, before=before)
                found = [int(row.text.split()[1]) for row in rows]
                assert found == numbers[begin if before else 0 :][:limit], (query, begin, limit)


async def test_deleted_messages_are_not_found(database: Database) -> None:
    bot = await _talk(database)
    async with bot.store.transaction(bot.principal) as tx:
        await tx.inbox.take("anna", UpdateBatch(None, deletions=(MessageDeletion((1,)),)), NOON, 0, clear)
    assert await _found(database, "boat") == [TEXTS[1]]


async def test_another_bots_messages_are_not_found(database: Database) -> None:
    await _talk(database)
    await database.add_bot("berta")
    assert await _found(database, "boat", "berta") == []


async def test_only_who_holds_a_grant_finds(database: Database) -> None:
    await _talk(database)
    async with database.api.transaction(SYSTEM) as tx:
        await tx.operators.add("ivan")
    async with database.api.transaction(OperatorPrincipal("ivan")) as tx:
        assert await tx.messages.search("anna", "boat") == []
    api = await database.connect(database.urls.api)
    async with api.transaction():  # the function itself, past the policy of the table
        await api.execute("SELECT set_config('hanfleet.principal', 'operator:ivan', true)")
        assert await api.fetch("SELECT search_messages('anna', 'boat', 10, NULL)") == []
        await api.execute("SELECT set_config('hanfleet.principal', 'operator:olga', true)")
        assert len(await api.fetch("SELECT search_messages('anna', 'boat', 10, NULL)")) == 2


async def test_a_bot_cannot_search_not_even_its_own_messages(database: Database) -> None:
    bot = await _talk(database)
    raw = await database.connect(bot.url)
    await raw.execute("SET hanfleet.principal = 'operator:olga'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await raw.fetch("SELECT search_messages('anna', 'boat', 10, NULL)")
