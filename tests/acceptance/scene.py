"""What acceptance tests share: a stage, traffic on it, and the verdict of the contacts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import psutil

from hanfleet.app.embedded import EmbeddedPostgres
from hanfleet.cli.stage.stage import Stage
from hanfleet.cli.stage.troupe import troupe
from hanfleet.sandbox.contacts.crowd import Crowd
from hanfleet.sandbox.contacts.judge import Verdict, judge
from hanfleet.sandbox.contacts.pacing import BRISK
from tests.support.servers import keepers
from tests.support.waiting import eventually

COLLECT_WITHIN_S = 20.0
# asyncpg carries no types.
_connect: Any = asyncpg.connect


def keep(stage: Stage) -> None:
    """The stage's own processes outlive a test of its module, also those that the test has started anew."""
    keepers.update(process.pid for process in (stage.sandbox.process, stage.fleet.process) if process)


@asynccontextmanager
async def traffic(stage: Stage, *, contacts: int, seed: int) -> AsyncIterator[Crowd]:
    """People who chat briskly while the body runs; enter it when every bot is Running."""
    async with troupe(stage.sandbox.info, stage.actors, contacts, seed=seed, pacing=BRISK) as crowd:
        yield crowd


async def verdict_of(crowd: Crowd) -> Verdict:
    """Stop the traffic and hear the evidence."""
    return judge(await crowd.finish(COLLECT_WITHIN_S))


def assert_clean(verdict: Verdict) -> None:
    """Nothing lost, nothing doubled, nobody got what was another's, and everybody's history could be read."""
    for bot in verdict.bots:
        assert not bot.lost, f"{bot.bot} lost {bot.lost}"
        assert not bot.doubled, f"{bot.bot} doubled {bot.doubled}"
        assert not bot.strange, f"{bot.bot} mixed up {bot.strange}"
        assert bot.received, f"nobody wrote to {bot.bot}"
    assert not verdict.unread


async def workers(stage: Stage) -> dict[str, int]:
    """Bot → its living worker's process, as the leases name it."""
    url = EmbeddedPostgres(stage.home).url.replace("@/postgres?", "@/hanfleet?")
    connection = await _connect(url)
    try:
        rows = await connection.fetch("SELECT name, pid FROM leases WHERE name LIKE 'bot:%' AND pid IS NOT NULL")
    finally:
        await connection.close()
    return {row["name"].removeprefix("bot:"): row["pid"] for row in rows if psutil.pid_exists(row["pid"])}


async def some_replies(crowd: Crowd, more: int) -> None:
    """Wait until ``more`` replies have come in from now on."""
    wanted = crowd.replies + more
    await eventually(lambda: crowd.replies >= wanted, within=60, what=f"{more} more replies")


async def assert_single_sessions(stage: Stage) -> None:
    """At no moment were there two connections on one auth key."""
    stats = await stage.sandbox.ask("GET", "/stats")
    assert stats["max_connections_per_auth_key"] == 1, stats["auth_keys"]
