"""`hanfleet contacts` against a real API on a real database and bus."""

import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hanfleet.control import MultiBotManager
from hanfleet.core.config import BotConfig
from hanfleet.core.errors import StoreUnavailableError
from hanfleet.store.erasures import Erasures
from hanfleet.store.principals import BotPrincipal
from tests.integration.cli.conftest import Command
from tests.integration.store.conversation_steps import message, take
from tests.support.database import SYSTEM, BotLogIn, Database
from tests.support.operators import bot_document

ANN, BORIS = 900000501, 900000502


@pytest.fixture
async def bot(database: Database, manager: MultiBotManager, bot_id: str) -> BotLogIn:
    await manager.register_bot(BotConfig.model_validate(bot_document(bot_id)), start=False)
    async with database.supervisor.transaction(SYSTEM) as tx:
        epoch = await tx.leases.grant(f"bot:{bot_id}", 60)
    login = await database.provisioner.rotate(bot_id)
    bot = BotLogIn(bot_id, epoch, login.url, login.role_name, await database.store(login.url), BotPrincipal(bot_id))
    for number, chat_id in enumerate((ANN, BORIS), 1):
        await take(bot, message(number, "dear diary", chat_id=chat_id))
    return bot


async def test_contacts_at_the_terminal(contacts: Command, bot: BotLogIn, tmp_path: Path):
    listed = (await contacts("list", bot.bot_id)).out.splitlines()
    assert listed[0].split()[:3] == ["CHAT", "NAME", "USERNAME"]
    assert [line.split()[:4] for line in listed[1:]] == [[str(chat), "Ann", "ann", "1"] for chat in (ANN, BORIS)]

    file = tmp_path / "ann.json"
    exported = await contacts("export", bot.bot_id, str(ANN), "--out", str(file))
    assert (exported.status, exported.err) == (0, "")
    assert "(0.0 MB), in clear" in exported.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["messages"][0]["text"] == "dear diary"
    assert json.loads((await contacts("export", bot.bot_id, str(ANN))).out) == json.loads(file.read_text())
    again = await contacts("export", bot.bot_id, str(ANN), "--out", str(file))
    assert (again.status, "name a new file with --out" in again.err) == (2, True)

    unsure = await contacts("erase", bot.bot_id, str(ANN))
    assert (unsure.status, "say --yes" in unsure.err) == (2, True)
    kept = await contacts("erase", bot.bot_id, str(ANN), typed="n\n", terminal=True)
    assert (kept.status, "Nothing was erased" in kept.err) == (2, True)
    erased = await contacts("erase", bot.bot_id, str(ANN), "--yes")
    assert (erased.status, "1 message among them" in erased.out) == (0, True)
    gone = await contacts("erase", bot.bot_id, str(ANN), "--yes")
    assert (gone.status, f"hanfleet contacts list {bot.bot_id}" in gone.err) == (3, True)
    answer = json.loads((await contacts("erase", bot.bot_id, str(BORIS), "--yes", "--json")).out)
    assert answer["complete"]
    assert answer["erased"]["messages"] == 1
    assert "Nobody has talked" in (await contacts("list", bot.bot_id)).err
    assert (await contacts("list", bot.bot_id, "--json")).out == "[]\n"


async def test_a_group_of_the_old_bot_has_a_negative_id(contacts: Command, bot: BotLogIn):
    await take(bot, message(3, "hello all", chat_id=-1001234567890))
    exported = await contacts("export", bot.bot_id, "-1001234567890")
    assert json.loads(exported.out)["messages"][0]["text"] == "hello all"
    erased = await contacts("erase", bot.bot_id, "-1001234567890", "-y", "--json")
    assert (erased.status, json.loads(erased.out)["erased"]["messages"]) == (0, 1)
    mistyped = await contacts("erase", bot.bot_id, "--yse", "-1001234567890")
    assert (mistyped.status, "--yse" in mistyped.err) == (2, True)


async def test_an_export_that_breaks_off_leaves_no_file(
    contacts: Command, bot: BotLogIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = Erasures.held

    async def breaks_off(self: Erasures, bot_id: str, chat_id: int) -> AsyncIterator[Any]:
        async for table, pages in whole(self, bot_id, chat_id):
            if table == "events":
                raise StoreUnavailableError("The database is gone.")
            yield table, pages

    monkeypatch.setattr(Erasures, "held", breaks_off)
    file = tmp_path / "ann.json"
    outcome = await contacts("export", bot.bot_id, str(ANN), "--out", str(file))
    assert (outcome.status, "in clear" in outcome.out) == (4, False)
    assert not file.exists()


async def test_who_leaves_in_the_middle_of_an_export_keeps_nobody_waiting(
    contacts: Command, bot: BotLogIn, database: Database, api_url: str
):
    window = await database.connect()
    await window.execute(f"""
        INSERT INTO summaries (bot_id, id, chat_id, summary, through, created_at)
        SELECT bot_id, gen_random_uuid(), {ANN}, repeat('x', 65536), gen_random_uuid(), now()
        FROM bots, generate_series(1, 500)""")
    path = f"/api/bots/{bot.bot_id}/contacts/{ANN}/export"
    async with (
        httpx.AsyncClient(base_url=api_url, headers={"Authorization": "Bearer the-token"}) as client,
        client.stream("GET", path) as answer,
    ):
        assert (await anext(answer.aiter_text())).startswith("{")
    # The API of this test has one connection to the database.
    assert (await contacts("list", bot.bot_id)).status == 0


async def test_the_list_goes_from_the_first_chat_to_the_last(
    contacts: Command, bot: BotLogIn, database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hanfleet.cli.contacts._PAGE", 1)
    ends = (-(2**63), -(2**63) + 1, 2**63 - 1)
    window = await database.connect()
    await window.executemany(
        "INSERT INTO user_profiles (bot_id, id, chat_id, created_at) VALUES ($1, gen_random_uuid(), $2, now())",
        [(bot.bot_id, chat_id) for chat_id in ends],
    )
    told = json.loads((await contacts("list", bot.bot_id, "--json")).out)
    assert [contact["chat_id"] for contact in told] == sorted([*ends, ANN, BORIS])


async def test_what_is_not_there_is_said(contacts: Command, bot: BotLogIn):
    for command in ("export", "erase"):
        outcome = await contacts(command, "nobody", "5", *(("--yes",) if command == "erase" else ()))
        assert (outcome.status, "no bot nobody" in outcome.err) == (3, True)
    assert (await contacts("export", bot.bot_id, "5")).status == 3
    assert (await contacts("export", bot.bot_id, str(2**70))).status == 2
