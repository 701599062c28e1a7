"""A short process at each start that makes the database fit for the fleet and looks at the bus.

It is a process of its own because `hanfleet up` lives long: what a bootstrap imports would stay in its memory for ever.
The outcome goes to a file in memory that `up` reads; a refusal is a sentence in it.
"""

import asyncio
import os
import sys
from dataclasses import asdict

from pydantic import BaseModel, ConfigDict

from hanfleet.app.startup_channel import read_startup
from hanfleet.core.errors import HanfleetError
from hanfleet.kit.logging import configure_logging


class BootstrapPayload(BaseModel):
    """URLs of the bootstrap role and of the bus's administrator; passwords for the service roles, by role.

    Secrets in clear: only for the start-up channel. ``outcome_fd`` is inherited and takes a BootstrapOutcome.
    """

    model_config = ConfigDict(frozen=True)

    admin_url: str
    redis_url: str
    passwords: dict[str, str]
    outcome_fd: int


class BootstrapOutcome(BaseModel):
    """``urls`` by service role, or the sentence ``refusal``; ``bus`` names server and version."""

    model_config = ConfigDict(frozen=True)

    urls: dict[str, str] = {}
    bus: str = ""
    refusal: str = ""


async def _bootstrap(payload: BootstrapPayload) -> BootstrapOutcome:
    from hanfleet.bus import open_bus
    from hanfleet.kit.clock import SystemClock
    from hanfleet.store.admin import ServicePasswords, bootstrap

    try:
        async with open_bus(payload.redis_url, clock=SystemClock(), name="hanfleet-bootstrap") as bus:
            version = await bus.check_version()
        installation = await bootstrap(payload.admin_url, ServicePasswords(**payload.passwords))
    except HanfleetError as refused:
        return BootstrapOutcome(refusal=str(refused))
    return BootstrapOutcome(urls=asdict(installation.urls), bus=version)


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
