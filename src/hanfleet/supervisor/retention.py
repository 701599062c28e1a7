"""What is too old to be kept goes, and the months to come get their partitions.

Events, metrics and entries of the audit trail go by whole months; messages, one by one, of bots whose configuration
says for how long (data_isolation.retention_days). Refuses to stop the fleet: what cannot be had now, behind somebody's
lock or an unreachable database, is tried again the next time.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from hanfleet.core.errors import HanfleetError
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.store.records import BotRow
from hanfleet.store.session import Store, Transaction
from hanfleet.supervisor.starter import SUPERVISOR

T = TypeVar("T")

# A bot's transaction on one of these rows waits no longer than one batch takes.
_AT_ONCE = 500

_log = get_logger("retention")


class Retention:
    """``events``, ``metrics`` and ``audit``: how long they are kept, to the end of their month."""

    def __init__(self, store: Store, clock: Clock, *, events: timedelta, metrics: timedelta, audit: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._metrics = metrics
        self._audit = audit

    async def run(self) -> None:
        """Do all of it once, each step in a transaction of its own, so that one does not hold up the others."""
        now = self._clock.now()
        await self._try(lambda tx: tx.events.ensure_partitions())
        await self._try(lambda tx: tx.events.drop_older(now - self._events))
        await self._try(lambda tx: tx.metrics.drop_older(now - self._metrics))
        await self._try(lambda tx: tx.audit.drop_old(self._audit.days))
        for bot in await self._try(lambda tx: tx.bots.list()) or ():
            await self._expire_messages(bot)

    async def _expire_messages(self, bot: BotRow) -> None:
        days = bot.config.get("data_isolation", {}).get("retention_days")
        if days is None:
            return
        before = self._clock.now() - timedelta(days=days)
        while await self._try(lambda tx: tx.messages.expire(bot.bot_id, before, limit=_AT_ONCE)) == _AT_ONCE:
            pass

    async def _try(self, step: Callable[[Transaction], Awaitable[T]]) -> T | None:
        try:
            async with self._store.transaction(SUPERVISOR) as tx:
                return await step(tx)
        except HanfleetError as error:
            # Bots answer whether or not something old is gone.
            _log.warning("a step of retention waits for its next turn", error=str(error))
            return None
