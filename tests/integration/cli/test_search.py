"""`hanfleet bots search`."""

import json
from pathlib import Path

import httpx

from hanfleet.cli import exits
from tests.integration.api.test_search import talk
from tests.integration.cli.conftest import Command
from tests.integration.cli.test_bots import assert_sentence
from tests.support.database import Database


async def test_messages_are_found_at_the_terminal(
    bots: Command, api_url: str, database: Database, tmp_path: Path, bot_id: str
) -> None:
    async with httpx.AsyncClient(base_url=api_url, headers={"Authorization": "Bearer the-token"}) as api:
        await talk(api, database, bot_id)
        await talk(api, database, f"{bot_id}-e", data_isolation={"encrypt_messages": True})
    table = (await bots("search", bot_id, "tea", "-n", "2")).out.splitlines()
    assert table[0].split() == ["TIME", "CHAT", "AUTHOR", "TEXT"]
    assert [line.split("contact")[1].strip() for line in table[1:]] == ["Tea for 4", "Tea for 3"]
    found = json.loads((await bots("search", bot_id, "--json", "--", "tea", "-4")).out)
    assert [item["text"] for item in found] == [f"Tea for {number}" for number in (3, 2, 1, 0)]
    empty = await bots("search", bot_id, "")
    assert_sentence(empty, exits.REFUSED, f"name words, such as hanfleet bots search {bot_id}")
    nothing = await bots("search", bot_id, "coffee")
    assert (nothing.status, nothing.out, nothing.err) == (0, "", "No message holds all of these words.\n")
    assert_sentence(await bots("search", f"{bot_id}-e", "tea"), exits.REFUSED, "cannot be searched")
