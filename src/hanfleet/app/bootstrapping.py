"""`up`'s side of the bootstrap: starts the short process and reads what came of it."""

from pathlib import Path

from hanfleet.app.bootstrap_main import BootstrapOutcome, BootstrapPayload, MasterKeys
from hanfleet.app.errand import run_errand
from hanfleet.app.master_key import FoundKeys
from hanfleet.core.errors import InvalidInputError, PermanentError
from hanfleet.store.ledger import Ledger


async def make_ready(
    admin_url: str,
    redis_url: str,
    passwords: dict[str, str],
    *,
    ledger: Ledger,
    named: tuple[str, ...] = (),
    keys: FoundKeys | None = None,
    environ: dict[str, str],
    log: Path,
) -> BootstrapOutcome:
    """Roles, schema and versions, as they must be, and nobody there whom ``ledger`` names.

    Raises PermanentError with the sentence why that cannot be.
    ``named`` are the variables by which a person named a server: what is wrong with it is an InvalidInputError.
    ``keys``: refused when they do not open those of the bots.
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
            keys=_sent(keys),
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


def _sent(keys: FoundKeys | None) -> MasterKeys | None:
    if keys is None:
        return None
    current, upcoming = (None if key is None else key.hex() for key in (keys.current, keys.upcoming))
    return MasterKeys(current=current, upcoming=upcoming, place=keys.place, from_environment=keys.from_environment)
