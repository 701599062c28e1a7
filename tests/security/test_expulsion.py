"""A bot that is shut out of a server does not go on knocking: its process is killed, and nobody else's."""

import subprocess
import sys
from contextlib import nullcontext

import pytest
from asyncpg.exceptions import InvalidAuthorizationSpecificationError

from hanfleet.core.errors import StoreUnavailableError
from hanfleet.kit.clock import SystemClock
from hanfleet.launchers.process_table import ref_of
from hanfleet.store.leases import lease_of
from hanfleet.supervisor.expulsion import Expulsion
from hanfleet.supervisor.leases import LeaseWatch
from tests.support.database import SYSTEM, Database


@pytest.mark.parametrize("closes", [True, False])
async def test_who_is_shut_out_loses_its_process(database: Database, closes: bool) -> None:
    """Also when the door cannot be closed: a server that is full, say."""
    mallory = await database.add_bot("mallory")
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        ref = ref_of(process.pid, "here")
        assert ref is not None
        async with database.supervisor.transaction(SYSTEM) as tx:
            await tx.leases.name_holder(lease_of("mallory"), mallory.epoch, ref)

        async def close(bot_id: str) -> None:
            if not closes:
                raise StoreUnavailableError("The server is full.")
            await database.provisioner.fence(bot_id)

        with nullcontext() if closes else pytest.raises(StoreUnavailableError):
            await Expulsion(close, database.supervisor, LeaseWatch("here", SystemClock())).shut_out("mallory")
        assert process.wait(10) == -9
        if closes:
            with pytest.raises(InvalidAuthorizationSpecificationError):
                await database.connect(mallory.url)
    finally:
        process.communicate(timeout=10)


async def test_a_bot_without_a_process_is_shut_out(database: Database) -> None:
    mallory = await database.add_bot("mallory")
    await Expulsion(database.provisioner.fence, database.supervisor, LeaseWatch("here", SystemClock())).shut_out(
        "mallory"
    )
    with pytest.raises(InvalidAuthorizationSpecificationError):
        await database.connect(mallory.url)


async def test_a_door_that_stays_open_is_tried_again_and_a_bot_that_was_started_anew_is_left_alone(
    database: Database,
) -> None:
    """Its new process has done nothing, and has other passwords than the one that was shut out."""
    await database.add_bot("mallory")
    tried: list[str] = []

    async def close(bot_id: str) -> None:
        tried.append(bot_id)
        raise StoreUnavailableError("The server is full.")

    expulsion = Expulsion(close, database.supervisor, LeaseWatch("here", SystemClock()))
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            await expulsion.shut_out("mallory")
    async with database.supervisor.transaction(SYSTEM) as tx:
        await tx.leases.grant(lease_of("mallory"), 15)
    await expulsion.shut_out("mallory")
    assert tried == ["mallory"] * 2
    with pytest.raises(StoreUnavailableError):
        await expulsion.shut_out("mallory")  # another offence, of the new one
