"""`up`'s side of the bootstrap: starts the short process and reads what came of it."""

import os
import signal
import sys
from pathlib import Path

from hanfleet.app.bootstrap_main import BootstrapOutcome, BootstrapPayload
from hanfleet.app.readiness import last_words
from hanfleet.app.spawn import spawn
from hanfleet.app.startup_channel import VARIABLE, offered
from hanfleet.core.errors import InvalidInputError, PermanentError
from hanfleet.store.ledger import Ledger


async def make_ready(
    admin_url: str,
    redis_url: str,
    passwords: dict[str, str],
    *,
    ledger: Ledger,
    named: tuple[str, ...] = (),
    environ: dict[str, str],
    log: Path,
) -> BootstrapOutcome:
    """Roles, schema and versions, as they must be, and nobody there whom ``ledger`` names.

    Raises PermanentError with the sentence why that cannot be.

    ``named`` are the variables by which a person named a server: what is wrong with it is an InvalidInputError.
    """
    result = os.memfd_create("hanfleet-bootstrap", os.MFD_CLOEXEC)
    try:
        payload = BootstrapPayload(
            admin_url=admin_url,
            redis_url=redis_url,
            passwords=passwords,
            outcome_fd=result,
            ledger=ledger.path,
            erasure_key=ledger.key.hex(),
            named=named,
        )
        with offered(payload.model_dump_json().encode()) as channel:
            process = spawn(
                (sys.executable, "-m", "hanfleet.app.bootstrap_main"),
                environ={**environ, VARIABLE: str(channel)},
                output=log,
                pass_fds=(channel, result),
            )
        try:
            status = await process.wait()
        except BaseException:
            process.send(signal.SIGKILL)
            raise
        with os.fdopen(os.dup(result), "rb") as file:
            file.seek(0)
            raw = file.read()
    finally:
        os.close(result)
    if status != 0 or not raw:
        raise PermanentError(f"The database could not be prepared: {last_words(process)} (see {log})")
    outcome = BootstrapOutcome.model_validate_json(raw)
    if outcome.refusal:
        raise (InvalidInputError if outcome.bad_input else PermanentError)(outcome.refusal)
    return outcome
