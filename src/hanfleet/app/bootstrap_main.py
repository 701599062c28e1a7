"""A short process at each start that makes the database fit for the fleet and looks at the bus.

It is a process of its own because `hanfleet up` lives long: what a bootstrap imports would stay in its memory for ever.
The outcome goes to a file in memory that `up` reads; a refusal is a sentence in it.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from hanfleet.app.startup_channel import read_startup
from hanfleet.core.errors import ConflictError, HanfleetError, InvalidInputError, PermanentError, TemporaryError
from hanfleet.kit.logging import configure_logging

if TYPE_CHECKING:
    from hanfleet.store.admin import Installation

_ERASING_WITHIN_S = 120.0
DATABASE_URL, REDIS_URL = "HANFLEET_DATABASE_URL", "HANFLEET_REDIS_URL"


class MasterKeys(BaseModel):
    """The master key and the one that is to take its place, in hexadecimal; ``place`` is where they were looked for."""

    model_config = ConfigDict(frozen=True)

    current: str | None
    upcoming: str | None
    place: str
    from_environment: bool


class BootstrapPayload(BaseModel):
    """URLs of the bootstrap role and of the bus's administrator; passwords for the service roles, by role.

    Secrets in clear: only for the start-up channel. ``outcome_fd`` is inherited and takes a BootstrapOutcome.
    ``ledger`` and ``erasure_key`` (hex) name who must stay erased; a database restored by other means has them again.
    ``named`` are the variables by which a person named a server; what is wrong with such a server is bad input.
    ``keys`` None: nobody asks whether the master key is the right one.
    """

    model_config = ConfigDict(frozen=True)

    admin_url: str
    redis_url: str
    passwords: dict[str, str]
    outcome_fd: int
    ledger: Path
    erasure_key: str
    named: tuple[str, ...] = ()
    keys: MasterKeys | None = None


class BootstrapOutcome(BaseModel):
    """``urls`` by service role, or the sentence ``refusal``; ``bus`` names server and version.

    ``bad_input``: what is refused is a person's to mend; no further try heals it.
    """

    model_config = ConfigDict(frozen=True)

    urls: dict[str, str] = {}
    bus: str = ""
    refusal: str = ""
    bad_input: bool = False


async def _bootstrap(payload: BootstrapPayload) -> BootstrapOutcome:
    try:
        version = await _look_at_bus(payload)
        installation = await _prepare_database(payload)
        await _keep_erased(payload, installation.urls.owner)
        await _look_at_keys(installation, payload.keys)
    except HanfleetError as refused:
        return BootstrapOutcome(refusal=str(refused), bad_input=isinstance(refused, ConflictError | InvalidInputError))
    return BootstrapOutcome(urls=asdict(installation.urls), bus=version)


async def _look_at_bus(payload: BootstrapPayload) -> str:
    from hanfleet.bus import open_bus
    from hanfleet.bus.connection import without_password
    from hanfleet.kit.clock import SystemClock

    with _about(REDIS_URL, payload) as server:
        async with open_bus(payload.redis_url, clock=SystemClock(), name="hanfleet-bootstrap") as bus:
            server.address = without_password(bus.url)
            return await bus.check_version()


async def _prepare_database(payload: BootstrapPayload) -> "Installation":
    from hanfleet.store.admin import ServicePasswords, bootstrap
    from hanfleet.store.faults import address_of

    with _about(DATABASE_URL, payload) as server:
        server.address = address_of(payload.admin_url)
        return await bootstrap(payload.admin_url, ServicePasswords(**payload.passwords))


async def _keep_erased(payload: BootstrapPayload, owner_url: str) -> None:
    from hanfleet.control.erasure import Ledger, apply_ledger
    from hanfleet.kit.clock import SystemClock
    from hanfleet.kit.logging import get_logger
    from hanfleet.store.principals import SystemPrincipal
    from hanfleet.store.session import Store

    ledger = Ledger(payload.ledger, bytes.fromhex(payload.erasure_key))
    if not ledger.entries():
        return
    store = Store(
        owner_url, clock=SystemClock(), application_name="hanfleet bootstrap", statement_timeout_s=_ERASING_WITHIN_S
    )
    try:
        async with store.transaction(SystemPrincipal("bootstrap")) as tx:
            applied = await apply_ledger(tx, ledger)
    finally:
        await store.close()
    if applied.contacts or applied.bots:
        get_logger("bootstrap").warning("erased again", contacts=applied.contacts, bots=applied.bots)


async def _look_at_keys(installation: "Installation", keys: MasterKeys | None) -> None:
    """Whether the master key opens the bots' keys; what a rotation of it left undone is done."""
    from hanfleet.app.master_key import FoundKeys
    from hanfleet.app.master_key_check import use_successor
    from hanfleet.kit.clock import SystemClock
    from hanfleet.store.session import Store

    if keys is None:
        return
    current, upcoming = (None if key is None else bytes.fromhex(key) for key in (keys.current, keys.upcoming))
    found = FoundKeys(current, upcoming, keys.place, keys.from_environment)
    store = Store(installation.urls.owner, clock=SystemClock(), application_name="hanfleet bootstrap")
    try:
        await use_successor(store, found)
    finally:
        await store.close()


@dataclass
class _Server:
    address: str = ""


@contextmanager
def _about(variable: str, payload: BootstrapPayload) -> Iterator[_Server]:
    """When a person named the server by ``variable``, its errors say so; nobody tries it again at a start."""
    server = _Server()
    if variable not in payload.named:
        yield server
        return
    try:
        yield server
    except TemporaryError as lost:
        cause = lost.__cause__ or lost
        raise TemporaryError(
            f"{variable} names {server.address}, but no server answers there"
            f" ({str(cause).strip().rstrip('.') or type(cause).__name__}): check that it runs, that address and port"
            " are right and that this machine may connect to it, then start again."
        ) from lost
    except ConflictError:
        raise  # about what is in there, not about the server
    except PermanentError as refused:
        sentence = str(refused)
        raise InvalidInputError(
            sentence if variable in sentence else f"{variable} cannot be used. {sentence}"
        ) from refused


def main() -> int:
    """The process' exit status."""
    payload = BootstrapPayload.model_validate_json(read_startup())
    configure_logging("bootstrap")
    outcome = asyncio.run(_bootstrap(payload))
    with os.fdopen(payload.outcome_fd, "wb") as file:
        file.write(outcome.model_dump_json().encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
