"""Every error that the product raises on purpose. One root; Temporary may be tried again, Permanent may not.

Vendor errors are wrapped where they enter (``raise … from``). What a person reads says what to do next; HTTP
statuses live in `api/errors.py` alone.
"""

from hanfleet.core.failures import FailureKind


class HanfleetError(Exception):
    """The root: the message is a sentence for a person."""


class TemporaryError(HanfleetError):
    """Worth another try after ``retry_after`` seconds (None: when it suits the caller)."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(HanfleetError):
    """Trying again changes nothing; something or somebody has to change first."""


class NotFoundError(PermanentError):
    """There is nothing by that name."""


class ConflictError(PermanentError):
    """It exists already, or its state does not allow this now."""


class InvalidInputError(PermanentError):
    """What came in is refused; the message names the field and the rule."""


class StoreUnavailableError(TemporaryError):
    """The database does not answer or dropped the connection. The transaction may be repeated: each is idempotent."""


class BusUnavailableError(TemporaryError):
    """Redis does not answer. No reply to a contact ever depends on it."""


class CommandTimeoutError(TemporaryError):
    """The worker did not answer the command in time; it may still carry it out."""


class ModelError(HanfleetError):
    """The model gave no usable answer."""


class ModelUnavailableError(ModelError, TemporaryError):
    """The model's server is busy, limits us, failed or timed out."""


class ModelRefusedError(ModelError, PermanentError):
    """The model's server refuses our request (key, model name, shape): a person has to mend the configuration."""


class FencedError(PermanentError):
    """The lease went to somebody else: this worker must leave Telegram and exit."""


class BotFailure(HanfleetError):  # noqa: N818 - the product's own word (ARCHITECTURE)
    """Why a bot's worker had to end. ``kind`` says whether a restart can help."""

    def __init__(self, kind: FailureKind, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after

    @property
    def restart_helps(self) -> bool:
        return self.kind.restart_helps
