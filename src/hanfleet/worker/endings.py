"""From the exception that ended a worker to the exit status that tells the supervisor why."""

from hanfleet.core.errors import BotFailure, FencedError, TemporaryError
from hanfleet.core.failures import FailureKind


def failure_kind(error: BaseException) -> FailureKind:
    """The kind of the weightiest failure in ``error``, groups looked through.

    Being fenced outweighs all: who lost the lease sees other failures as its echo.
    """
    kinds = [_kind(leaf) for leaf in _leaves(error)]
    for weighty in (FailureKind.FENCED, *_account_kinds(kinds)):
        if weighty in kinds:
            return weighty
    return FailureKind.BUG if FailureKind.BUG in kinds else FailureKind.TRANSIENT


def failure_words(error: BaseException) -> str:
    """What happened, in the words of the errors themselves."""
    return " ".join(dict.fromkeys(str(leaf) or type(leaf).__name__ for leaf in _leaves(error)))


def _account_kinds(kinds: list[FailureKind]) -> list[FailureKind]:
    return [kind for kind in kinds if not kind.restart_helps]


def _kind(error: BaseException) -> FailureKind:
    if isinstance(error, FencedError):
        return FailureKind.FENCED
    if isinstance(error, BotFailure):
        return error.kind
    return FailureKind.TRANSIENT if isinstance(error, TemporaryError) else FailureKind.BUG


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
