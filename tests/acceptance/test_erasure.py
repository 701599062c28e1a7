"""A contact is erased while the whole fleet runs: out of database, bus and every log file, and the others are served."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from hanfleet.app.embedded import EmbeddedPostgres, EmbeddedValkey
from hanfleet.app.home import Home
from hanfleet.bus import open_bus
from hanfleet.cli.stage.cast import roles
from hanfleet.cli.stage.stage import Stage
from hanfleet.kit.clock import SystemClock
from hanfleet.store.addresses import connect
from tests.acceptance.scene import workers
from tests.support.traces import bus_files_that_hold, rows_that_hold, streams_that_hold, texts_that_hold
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("acceptance-1"), pytest.mark.timeout(120)]

_COMES_BACK = """
    INSERT INTO user_profiles (bot_id, id, chat_id, name, created_at)
    VALUES ('mira', gen_random_uuid(), $1, 'Annabella', '2026-01-01')"""


class Person:
    """A contact with an account in the stage's sandbox."""

    def __init__(self, stage: Stage, account: dict[str, Any]) -> None:
        self._stage = stage
        self.id = int(account["id"])

    @classmethod
    async def arrive(cls, stage: Stage, **names: str) -> "Person":
        return cls(stage, await stage.sandbox.ask("POST", "/accounts", json={"kind": "user", **names}))

    async def chats(self, text: str, word: str) -> None:
        """Write to the bot and wait for an answer with ``word`` in it."""
        bot = self._stage.actors[0].account_id
        await self._stage.sandbox.ask(
            "POST", f"/accounts/{self.id}/messages", json={"to": bot, "text": f"{text} {word}"}
        )

        async def heard() -> bool:
            box = await self._stage.sandbox.ask("GET", f"/accounts/{self.id}/messages")
            return any(word in message["text"] and not message["out"] for message in box)

        await eventually(heard, within=20, what=f"an answer to {word}")


async def test_a_living_fleet_forgets_one_contact_everywhere() -> None:
    async with Stage() as stage:
        await stage.add_bots(roles(1))
        ann = await Person.arrive(stage, first_name="Annabella", username="annabella_q", phone="+99966755501")
        boris = await Person.arrive(stage, first_name="Boris", username="boris_b", phone="+99966755502")
        await ann.chats("my-secret-hobby-is-beekeeping", "#0000000a")
        await boris.chats("Hello", "#0000000b")
        marks = (str(ann.id), "Annabella", "annabella_q", "99966755501", "my-secret-hobby")
        before = await workers(stage)
        async with open_bus(EmbeddedValkey(stage.home).url, clock=SystemClock()) as bus:
            await eventually(lambda: streams_that_hold(bus, str(ann.id)), what="events about her")
            answer = await stage.fleet.ask("DELETE", f"/api/bots/mira/contacts/{ann.id}")
            assert answer["complete"]
            await eventually(lambda: _replaced(stage, before), within=30, what="another worker")
            await stage.running()
            await boris.chats("And you?", "#0000000c")
            assert await streams_that_hold(bus, *marks) == {}
            assert await bus_files_that_hold(bus, *marks) == []
        assert await _rows_that_hold(stage, *marks) == {}
        left = await stage.fleet.ask("GET", "/api/bots/mira/contacts")
        assert [contact["name"] for contact in left["items"]] == ["Boris"]

        # Somebody puts rows of an older day back by means of their own; the next start takes them out again.
        async with _window(stage) as window:
            await window.execute(_COMES_BACK, ann.id)
        await stage.fleet.stop()
        await stage.fleet.start()
        assert await _rows_that_hold(stage, *marks) == {}
        assert _files_that_hold(stage.home, *marks) == {}


@asynccontextmanager
async def _window(stage: Stage) -> AsyncIterator[Any]:
    """A connection of the superuser."""
    window = await connect(make_url(EmbeddedPostgres(stage.home).url).set(database="hanfleet"), "test")
    try:
        yield window
    finally:
        await window.close()


async def _rows_that_hold(stage: Stage, *marks: str) -> dict[str, list[str]]:
    async with _window(stage) as window:
        return await rows_that_hold(window, *marks)


async def _replaced(stage: Stage, before: dict[str, int]) -> bool:
    now = await workers(stage)
    return bool(now) and now != before


def _files_that_hold(home: Home, *marks: str) -> dict[str, list[str]]:
    """Every log of every part, the servers' too, the ledger, and what else is in the home but the servers' data."""
    files = [
        path for path in home.path.rglob("*") if path.is_file() and "servers" not in path.relative_to(home.path).parts
    ]
    assert {"mira.log", "supervisor.log", "api.log", "postgres.log", "erased.jsonl"} <= {path.name for path in files}
    found = {str(path): texts_that_hold(path.read_text(errors="replace"), *marks) for path in files}
    return {path: held for path, held in found.items() if held}
