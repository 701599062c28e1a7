"""`up`'s side of the bootstrap: starts the short process and reads what came of it."""

from pathlib import Path

from hanfleet.app.bootstrap_main import BootstrapOutcome, BootstrapPayload
from hanfleet.app.errand import run_errand
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

    def payload(outcome_fd: int) -> bytes:
        told = BootstrapPayload(
            admin_url=admin_url,
            redis_url=redis_url,
            passwords=passwords,
            outcome_fd=outcome_fd,
            ledger=ledger.path,
            erasure_key=ledger.key.hex(),
            named=named,
        )
        return told.model_dump_json().encode()

    try:
        raw = await run_errand("hanfleet.app.bootstrap_main", payload, environ=environ, log=log)
    except PermanentError as failed:
        raise PermanentError(f"The database could not be prepared: {failed}") from failed
    outcome = BootstrapOutcome.model_validate_json(raw)
    if outcome.refusal:
        raise (InvalidInputError if outcome.bad_input else PermanentError)(outcome.refusal)
    return outcome
