"""Telegram's errors in the fleet's words: one table for what ends a session, one for what ends a single request.

Refuses to guess kindly: an error that ends the session is never passed off as temporary, since restarting into a
frozen or revoked account makes things worse (TELEGRAM.md).
"""

from telethon import errors
from telethon.errors.common import (
    AuthKeyNotFound,
    BadMessageError,
    InvalidBufferError,
    InvalidChecksumError,
    SecurityError,
    TypeNotFoundError,
)

from hanfleet.core.errors import (
    BotFailure,
    FencedError,
    HanfleetError,
    InvalidInputError,
    PermanentError,
    TemporaryError,
)
from hanfleet.core.failures import FailureKind

#: Telegram gives PEER_FLOOD no duration; it limits the account towards strangers, typically for hours.
PEER_FLOOD_PAUSE_S = 3600.0

#: What ends the session, whichever request it came back on. The first row that fits decides.
_SESSION_TABLE: tuple[tuple[tuple[type[Exception], ...], FailureKind, str], ...] = (
    (
        (errors.FrozenMethodInvalidError, errors.FrozenParticipantMissingError),
        FailureKind.FROZEN,
        "Telegram froze this account. Appeal with the account's owner through @SpamBot before starting it again.",
    ),
    (
        (errors.UserDeactivatedError, errors.UserDeactivatedBanError, errors.PhoneNumberBannedError),
        FailureKind.BANNED,
        "Telegram deactivated or banned this account. Give the bot another account.",
    ),
    (
        (errors.ApiIdInvalidError, errors.ConnectionApiIdInvalidError, errors.ApiIdPublishedFloodError),
        FailureKind.CONFIG,
        "Telegram refuses the API id and hash. Take both from my.telegram.org and set them again.",
    ),
    (
        (errors.AccessTokenInvalidError, errors.AccessTokenExpiredError),
        FailureKind.CONFIG,
        "Telegram refuses the bot token. Ask @BotFather for the current one and set it again.",
    ),
    (
        (errors.AuthKeyDuplicatedError,),
        FailureKind.REAUTH,
        "Two programs used this session at once, so Telegram revoked it. See that only one does; log in again.",
    ),
    (
        (AuthKeyNotFound,),
        FailureKind.REAUTH,
        "Telegram does not know this session's key any more. Log in again.",
    ),
    (
        (errors.UnauthorizedError, errors.AuthKeyError),
        FailureKind.REAUTH,
        "Telegram does not accept this session any more. Log in again.",
    ),
)

_WAITS = (
    errors.FloodWaitError,
    errors.FloodPremiumWaitError,
    errors.SlowModeWaitError,
    errors.FloodTestPhoneWaitError,
)
_PASSING = (
    errors.ServerError,
    errors.TimedOutError,
    errors.InvalidDCError,
    BadMessageError,
    InvalidBufferError,
    InvalidChecksumError,
    SecurityError,
    OSError,
    EOFError,
)
_CHAT_REFUSALS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((errors.UserIsBlockedError,), "This contact blocked us."),
    ((errors.YouBlockedUserError,), "This account blocked the contact. Unblock them in Telegram first."),
    ((errors.InputUserDeactivatedError,), "This contact deleted their account."),
    (
        (errors.PeerIdInvalidError, errors.UserIdInvalidError),
        "Telegram gives this account no access to that person: they have to write first.",
    ),
    ((errors.UserPrivacyRestrictedError, errors.ForbiddenError), "This contact's settings do not let us write."),
    ((errors.BotMethodInvalidError,), "Telegram does not let bot accounts do this."),
)
_TEXT_REFUSALS = (errors.MessageEmptyError, errors.MessageTooLongError)


def session_failure(error: BaseException) -> BotFailure | None:
    """The failure, when ``error`` ends the session; None when it does not. SESSION_PASSWORD_NEEDED does not."""
    if isinstance(error, errors.SessionPasswordNeededError):
        return None
    for classes, kind, sentence in _SESSION_TABLE:
        if isinstance(error, classes):
            return BotFailure(kind, f"{sentence} ({rpc_name(error)})")
    if isinstance(error, errors.RPCError) and str(error.message).startswith("FROZEN_"):
        return BotFailure(FailureKind.FROZEN, f"{_SESSION_TABLE[0][2]} ({rpc_name(error)})")
    return None


def classify(error: BaseException) -> BotFailure:  # noqa: PLR0911 - a table with one way out per row
    """Why a worker ends that ends by ``error``: total, and BUG for what we do not know."""
    if isinstance(error, BotFailure):
        return error
    if failure := session_failure(error):
        return failure
    if isinstance(error, FencedError):
        return BotFailure(FailureKind.FENCED, str(error))
    if isinstance(error, _WAITS):
        return BotFailure(FailureKind.FLOOD, _flood_sentence(error.seconds), retry_after=float(error.seconds))
    if isinstance(error, errors.PeerFloodError):
        return BotFailure(FailureKind.FLOOD, _PEER_FLOOD, retry_after=PEER_FLOOD_PAUSE_S)
    if isinstance(error, TemporaryError):
        return BotFailure(FailureKind.TRANSIENT, str(error), retry_after=error.retry_after)
    if isinstance(error, _PASSING):
        return BotFailure(FailureKind.TRANSIENT, f"The connection to Telegram failed: {rpc_name(error)}.")
    return BotFailure(FailureKind.BUG, f"{type(error).__name__}: {error}")


def translate(error: Exception) -> Exception:  # noqa: PLR0911 - a table with one way out per row
    """What one failed request means to its caller; what is neither Telegram's nor the network's stays itself."""
    if isinstance(error, HanfleetError):
        return error
    if failure := session_failure(error):
        return failure
    if isinstance(error, _WAITS):
        return TemporaryError(_flood_sentence(error.seconds), retry_after=float(error.seconds))
    if isinstance(error, errors.PeerFloodError):
        return TemporaryError(_PEER_FLOOD, retry_after=PEER_FLOOD_PAUSE_S)
    if isinstance(error, _TEXT_REFUSALS):
        return InvalidInputError(f"Telegram refuses this text: send 1 to 4096 characters. ({rpc_name(error)})")
    for classes, sentence in _CHAT_REFUSALS:
        if isinstance(error, classes):
            return PermanentError(f"{sentence} ({rpc_name(error)})")
    if isinstance(error, _PASSING):
        return TemporaryError(f"Telegram could not answer: {rpc_name(error)}.")
    if isinstance(error, errors.RPCError | TypeNotFoundError):
        return PermanentError(f"Telegram refused the request: {rpc_name(error)}.")
    return error


_PEER_FLOOD = "Telegram limits whom this account may write to (PEER_FLOOD). Ask @SpamBot from the account itself."


def _flood_sentence(seconds: int) -> str:
    return f"Telegram asks to wait {seconds} s before the next request of this kind."


def rpc_name(error: BaseException) -> str:
    """Telegram's own word for an error, to search for: Telethon keeps it only in its table."""
    if word := _WORDS.get(type(error)):
        return word
    if isinstance(error, errors.RPCError) and error.message:
        return str(error.message)
    return type(error).__name__


_WORDS: dict[type, str] = {cls: word for word, cls in errors.rpc_errors_dict.items()}
