"""A hostile bot cannot keep its role from being changed: neither its own shutting out nor any start hangs on it."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from asyncpg.exceptions import (
    InterfaceError,
    InternalClientError,
    InvalidAuthorizationSpecificationError,
    PostgresError,
)

from hanfleet.core.errors import StoreUnavailableError
from tests.support.database import BotLogIn, Database

ATTACKS = ["PASSWORD 'x'", "SET work_mem = '1GB'", "RESET ALL"]
_OURS = "x"


async def open_change(database: Database, mallory: BotLogIn, attack: str) -> Any:
    raw = await database.connect(mallory.url)
    await raw.execute(f"BEGIN; ALTER ROLE CURRENT_USER {attack}")
    return raw


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_change_of_its_own_that_a_bot_keeps_open_is_ended(database: Database, attack: str) -> None:
    mallory = await database.add_bot("mallory")
    raw = await open_change(database, mallory, attack)
    async with asyncio.timeout(5):
        await database.provisioner.fence("mallory")
    with pytest.raises((PostgresError, InterfaceError)):
        await raw.execute("COMMIT")
    with pytest.raises(InvalidAuthorizationSpecificationError):
        await database.connect(mallory.url)


@pytest.mark.parametrize("attack", ATTACKS)
async def test_it_keeps_no_start_from_happening(database: Database, attack: str) -> None:
    mallory = await database.add_bot("mallory")
    await open_change(database, mallory, attack)
    async with asyncio.timeout(5):
        login = await database.provisioner.rotate("mallory")
    await database.connect(login.url)


async def test_it_can_be_dropped(database: Database) -> None:
    mallory = await database.add_bot("mallory")
    await open_change(database, mallory, "PASSWORD 'x'")
    async with asyncio.timeout(5):
        await database.provisioner.drop_bot_role("mallory")


@pytest.mark.parametrize("call", ["fence", "rotate"])
async def test_a_change_that_was_committed_in_between_is_no_error(database: Database, call: str) -> None:
    """As by a log-in that came through after the sessions were ended: here by somebody who cannot be ended at all."""
    mallory = await database.add_bot("mallory")
    admin = await database.connect()
    await admin.execute(f"BEGIN; ALTER ROLE {mallory.role_name} PASSWORD 'x'")
    changing = asyncio.create_task(getattr(database.provisioner, call)("mallory"))
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    spectator = await database.connect()
    async with asyncio.timeout(5):
        while not await spectator.fetchval(waiting):
            await asyncio.sleep(0.01)
        await admin.execute("COMMIT")
        await changing


async def test_who_logs_in_again_and_again_to_change_its_password_is_shut_out_all_the_same(database: Database) -> None:
    mallory = await database.add_bot("mallory")
    admin = await database.connect()
    await admin.execute(f"ALTER ROLE {mallory.role_name} PASSWORD '{_OURS}'")
    changes = 0

    async def attack() -> None:
        nonlocal changes
        refused = False
        while not refused:
            try:
                raw = await database.connect(f"{mallory.url.replace(_password(mallory.url), _OURS)}")
                while True:
                    await raw.execute(f"BEGIN; ALTER ROLE CURRENT_USER PASSWORD '{_OURS}'; COMMIT")
                    changes += 1
            except InvalidAuthorizationSpecificationError:
                refused = True
            except (PostgresError, InterfaceError, InternalClientError, OSError):
                await asyncio.sleep(0)

    attackers = [asyncio.create_task(attack()) for _ in range(2)]
    async with asyncio.timeout(20):
        while changes < 10:
            await asyncio.sleep(0.01)
        fenced = False
        while not fenced:
            # Once the worker is killed it is certain; against a living one the watch tries again.
            with suppress(StoreUnavailableError):
                await database.provisioner.fence("mallory")
                fenced = True
        await asyncio.gather(*attackers)


def _password(url: str) -> str:
    return url.split(":")[2].split("@", maxsplit=1)[0]
