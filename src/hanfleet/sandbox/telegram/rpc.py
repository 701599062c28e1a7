"""Methods: the table of what is built, and the call that each of them gets.

A method is a function ``(call, request) -> result`` registered under its TL request; it runs to its end without
waiting, so two requests never see each other half done.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hanfleet.sandbox.telegram.accounts import Account
from hanfleet.sandbox.telegram.errors import RpcRefusedError
from hanfleet.sandbox.telegram.letters import Change
from hanfleet.sandbox.telegram.session import Session

if TYPE_CHECKING:
    from hanfleet.sandbox.telegram.service import Telegram

Handler = Callable[["Call", Any], object]


@dataclass(frozen=True, slots=True)
class Method:
    """One built method and who may call it."""

    handler: Handler
    anonymous: bool = False
    for_bots: bool = True
    for_users: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """What a method knows about its caller."""

    telegram: "Telegram"
    session: Session
    method: str

    @property
    def account(self) -> Account:
        """Who is logged in; refused when nobody is."""
        key = self.session.key
        account = self.telegram.accounts.get(key.account_id) if key.account_id else None
        if account is None:
            raise RpcRefusedError("SESSION_PASSWORD_NEEDED" if key.pending_account_id else key.refusal)
        return account

    def publish(self, changes: Iterable[Change]) -> None:
        """Push committed changes to every session that should know, but not to the caller's own."""
        self.telegram.publish(changes, besides=self.session)


METHODS: dict[type, Method] = {}


def method(
    request: Any, *, anonymous: bool = False, for_bots: bool = True, for_users: bool = True
) -> Callable[[Handler], Handler]:
    """Register the decorated function for a request type."""

    def register(handler: Handler) -> Handler:
        METHODS[request] = Method(handler, anonymous, for_bots, for_users)
        return handler

    return register


def run(call: Call, request: Any) -> object:
    """Check the caller's standing and execute. Raises RpcRefusedError."""
    built = METHODS.get(type(request))
    if built is None:
        call.telegram.note_unknown(call.method)
        raise RpcRefusedError("INPUT_METHOD_INVALID")
    if not built.anonymous:
        account = call.account
        if not (built.for_bots if account.is_bot else built.for_users):
            raise RpcRefusedError("BOT_METHOD_INVALID" if account.is_bot else "USER_BOT_REQUIRED")
    return built.handler(call, request)
