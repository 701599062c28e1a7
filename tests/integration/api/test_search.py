"""GET /api/bots/{bot_id}/messages/search."""

import httpx
import pytest

from tests.integration.api.test_bots import assert_problem
from tests.support.database import Database
from tests.support.operators import bot_document


async def talk(api: httpx.AsyncClient, database: Database, bot_id: str, **config: object) -> str:
    """Add a bot that was told five things; gives the address of its search."""
    await api.post("/api/bots", json=bot_document(bot_id, **config))
    connection = await database.connect()
    await connection.execute(
        "INSERT INTO user_profiles (bot_id, id, chat_id, created_at) VALUES ($1, gen_random_uuid(), 7, now())", bot_id
    )
    await connection.execute(
        "INSERT INTO conversations (bot_id, id, chat_id, timestamp) VALUES ($1, gen_random_uuid(), 7, now())", bot_id
    )
    for number in range(5):
        await connection.execute(
            "INSERT INTO messages (bot_id, id, chat_id, direction, author, text, created_at)"
            " VALUES ($1, overlay(gen_random_uuid()::text placing $2 from 1)::uuid, 7, 'in', 'contact', $3, now())",
            bot_id,
            f"0190000{number}",
            f"Tea for {number}",
        )
    return f"/api/bots/{bot_id}/messages/search"


async def test_the_newest_come_first_by_pages(api: httpx.AsyncClient, database: Database, bot_id: str) -> None:
    address = await talk(api, database, bot_id)
    first = (await api.get(address, params={"q": "teas", "limit": 3})).json()
    rest = (await api.get(address, params={"q": "teas", "limit": 3, "cursor": first["next_cursor"]})).json()
    assert [item["text"] for item in first["items"] + rest["items"]] == [f"Tea for {n}" for n in (4, 3, 2, 1, 0)]
    assert rest["next_cursor"] is None
    assert first["items"][0].keys() == {"id", "chat_id", "direction", "author", "text", "sent_at", "created_at"}


@pytest.mark.parametrize(
    "params", [{}, {"q": ""}, {"q": "x" * 501}, {"q": "x", "limit": 501}, {"q": "x", "cursor": "1"}]
)
async def test_what_makes_no_search_is_refused(
    api: httpx.AsyncClient, bot_id: str, params: dict[str, str | int]
) -> None:
    answer = await api.get(f"/api/bots/{bot_id}/messages/search", params=params)
    assert_problem(answer, 422, "invalid-input")


async def test_no_row_of_minus_signs_is_too_long(api: httpx.AsyncClient, database: Database, bot_id: str) -> None:
    address = await talk(api, database, bot_id)
    for query in ("-" * 500, "- " * 250, "-(" * 250, "-\u2028" * 250, '-"' * 250, f"tea {'-' * 99}sugar"):
        answer = await api.get(address, params={"q": query})
        assert (answer.status_code, len(answer.json()["items"])) == (200, 5 if "tea" in query else 0)


async def test_a_bot_that_encrypts_its_texts_has_no_search_and_says_so(
    api: httpx.AsyncClient, database: Database, bot_id: str
) -> None:
    address = await talk(api, database, bot_id, data_isolation={"encrypt_messages": True})
    said = assert_problem(await api.get(address, params={"q": "tea"}), 409, "conflict")["detail"]
    assert "data_isolation.encrypt_messages" in said
    assert "cannot be searched" in said


async def test_an_unknown_bot_is_404(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/bots/nobody/messages/search", params={"q": "tea"})
    assert "hanfleet bots list" in assert_problem(answer, 404, "not-found")["detail"]
