"""Every transaction of a worker goes through here and has a name, so that logs, tests and people speak of the same
steps. Refuses to give up before the store does: a step is repeated until it holds or the worker ends.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol, TypeVar

from hanfleet.store.principals import BotPrincipal
from hanfleet.store.session import Store, Transaction
from hanfleet.store.texts import Texts

T = TypeVar("T")

GIVE_UP_AFTER_S = 120.0
"""A worker that cannot reach its database for so long ends; a fresh one starts when the database is back."""


class Step(StrEnum):
    """The transactions of a worker."""

    CLAIM = "lease.claim"
    RENEW = "lease.renew"
    RELEASE = "lease.release"
    CONFIGURE = "config.load"
    REHEARSE = "walk.rehearse"
    SESSION_LOAD = "session.load"
    SESSION_SAVE = "session.save"
    INBOX = "inbox.take"
    DUE = "lanes.due"
    LOAD_TURN = "turn.load"
    COMMIT_TURN = "turn.commit"
    POSTPONE = "turn.postpone"
    HEAD = "outbox.head"
    SENDING = "outbox.sending"
    SENT = "outbox.sent"
    SETTLE = "outbox.settle"


class Ledger(Protocol):
    """Transactions as this bot."""

    async def run(self, step: Step, fn: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run the idempotent ``fn`` in one transaction, again after a lost connection.

        Raises StoreUnavailableError when the database stays away, FencedError when the lease went to somebody else.
        """
        ...


class StoreLedger:
    """The real one."""

    def __init__(
        self, store: Store, bot_id: str, texts: Texts | None = None, *, give_up_after_s: float = GIVE_UP_AFTER_S
    ) -> None:
        self._store = store
        self._principal = BotPrincipal(bot_id)
        self._texts = texts or Texts()
        self._give_up_after_s = give_up_after_s

    async def run(self, step: Step, fn: Callable[[Transaction], Awaitable[T]]) -> T:  # noqa: ARG002 - wrappers need it
        async def with_texts(tx: Transaction) -> T:
            tx.use_texts(self._texts)
            return await fn(tx)

        return await self._store.run(self._principal, with_texts, give_up_after=self._give_up_after_s)
