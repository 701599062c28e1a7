"""What is too old to be kept goes, and the months to come get their partitions.

Events, metrics and entries of the audit trail go by whole months; messages, one by one, of bots whose configuration
says for how long (data_isolation.retention_days). Refuses to stop the fleet: what cannot be had now, behind somebody's
lock or an unreachable database, is tried again for a while, and then the next time.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import TypeVar

from hanfleet.core.errors import HanfleetError
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.store.records import BotRow
from hanfleet.store.session import Store, Transaction
from hanfleet.supervisor.starter import SUPERVISOR

T = TypeVar("T")

# A step over months: given how long it may wait for a lock.
Step = Callable[[Transaction, float], Awaitable[object]]

# A bot's transaction on one of these rows waits no longer than one batch takes.
_AT_ONCE = 500
# The first time nobody is kept waiting.
_SHORT_WAIT_S = 0.2

_log = get_logger("retention")


class Retention:
    """``events``, ``metrics`` and ``audit``: how long they are kept, to the end of their month.

    What did not succeed is tried ``tries`` times more, every ``again_s``, waiting ``wait_s`` for each lock: longer than
    the watch (session_watch) lets a bot hold up others, so that it ends the sessions that are in the way.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        events: timedelta,
        metrics: timedelta,
        audit: timedelta,
        tries: int = 10,
        again_s: float = 60.0,
        wait_s: float = 3.0,
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._metrics = metrics
        self._audit = audit
        self._tries = tries
        self._again_s = again_s
        self._wait_s = wait_s

    async def run(self) -> None:
        """Do all of it once, each step in a transaction of its own, so that one does not hold up the others."""
        left = await self._over_months(self._steps(), _SHORT_WAIT_S)
        for bot in await self._try("bots", lambda tx: tx.bots.list()) or ():
            await self._expire_messages(bot)
        for _ in range(self._tries):
            if not left:
                return
            await self._clock.sleep(self._again_s)
            left = await self._over_months(left, self._wait_s)
        for name in left:
            _log.warning("a step of retention was in vain each time: look for long transactions", step=name)

    def _steps(self) -> dict[str, Step]:
        now = self._clock.now()
        return {
            "months to come": lambda tx, _: tx.events.ensure_partitions(),
            "old events": lambda tx, wait_s: tx.events.drop_older(now - self._events, wait_s=wait_s),
            "old metrics": lambda tx, wait_s: tx.metrics.drop_older(now - self._metrics, wait_s=wait_s),
            "old audit": lambda tx, _: tx.audit.drop_old(self._audit.days),
        }

    async def _over_months(self, steps: dict[str, Step], wait_s: float) -> dict[str, Step]:
        """Gives those that did not succeed."""

        async def done(step: Step, tx: Transaction) -> bool:
            await step(tx, wait_s)
            return True

        return {name: step for name, step in steps.items() if not await self._try(name, partial(done, step))}

    async def _expire_messages(self, bot: BotRow) -> None:
        days = bot.config.get("data_isolation", {}).get("retention_days")
        if days is None:
            return
        before = self._clock.now() - timedelta(days=days)
        while (
            await self._try("messages", lambda tx: tx.messages.expire(bot.bot_id, before, limit=_AT_ONCE)) == _AT_ONCE
        ):
            pass

    async def _try(self, name: str, step: Callable[[Transaction], Awaitable[T]]) -> T | None:
        try:
            async with self._store.transaction(SUPERVISOR) as tx:
                return await step(tx)
        except HanfleetError as error:
            # Bots answer whether or not something old is gone.
            _log.warning("a step of retention waits for its next turn", step=name, error=str(error))
            return None
