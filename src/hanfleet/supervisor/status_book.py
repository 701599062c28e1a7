"""The bots' states as rows: every change goes through core's table, compares before it sets, and writes its events.

The supervisor is the only writer of states, and this is its only pen. Two supervisors that both believe that they lead
cannot both move a bot: the second finds it moved and is told ConflictError.
"""

from dataclasses import dataclass
from datetime import datetime

from hanfleet.core.errors import ConflictError
from hanfleet.core.events import BotFailed, BotStarted, BotStopped, HealthCheckFailed
from hanfleet.core.failures import FailureKind
from hanfleet.core.states import BotState, Transition, transition
from hanfleet.store.records import BotRow
from hanfleet.store.session import Store, Transaction
from hanfleet.supervisor.reconciler import AWAITING_LOGIN
from hanfleet.supervisor.starter import INTO_STARTING, SUPERVISOR

_INTO_STOPPING = {
    BotState.STARTING: Transition.STOP_REQUESTED,
    BotState.RUNNING: Transition.STOP_REQUESTED,
    BotState.FAILED: Transition.CLEANUP_REQUESTED,
}
_INTO_FAILED = {
    BotState.CONFIGURING: Transition.CONFIG_INVALID,
    BotState.STARTING: Transition.STARTUP_ERROR,
    BotState.RUNNING: Transition.HEALTH_CHECK_FAILED,
    BotState.STOPPING: Transition.STOP_TIMEOUT,
}


@dataclass(frozen=True)
class Pause:
    """How often it failed lately, and when it may be started again."""

    failures: int
    until: datetime


class StatusBook:
    """Each method is one transaction. Raises StoreUnavailableError; ConflictError when the bot was moved meanwhile."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def running(self, row: BotRow) -> None:
        async with self._store.transaction(SUPERVISOR) as tx:
            await _move(tx, row.bot_id, row.status, Transition.STARTUP_SUCCESS)
            await tx.events.append(BotStarted(bot_id=row.bot_id), bot_id=row.bot_id)

    async def awaiting_login(self, row: BotRow) -> None:
        """No transition: Starting says what it waits for."""
        async with self._store.transaction(SUPERVISOR) as tx:
            await tx.bots.set_status(row.bot_id, row.status, row.status, reason=AWAITING_LOGIN.format(row.bot_id))

    async def stopping(self, row: BotRow, reason: str) -> None:
        if row.status is not BotState.STOPPING:
            async with self._store.transaction(SUPERVISOR) as tx:
                await _move(tx, row.bot_id, row.status, _INTO_STOPPING[row.status], reason=reason)

    async def stopped(self, row: BotRow, reason: str, *, pause: Pause | None = None) -> None:
        """Stopped, through Stopping where it was not there yet; without a ``pause`` the past is forgiven."""
        async with self._store.transaction(SUPERVISOR) as tx:
            if row.status is not BotState.STOPPING:
                await _move(tx, row.bot_id, row.status, _INTO_STOPPING[row.status], reason=reason)
            await _move(tx, row.bot_id, BotState.STOPPING, Transition.STOP_COMPLETE, reason=reason)
            await tx.bots.plan_restart(row.bot_id, pause.failures if pause else 0, pause.until if pause else None)
            await tx.events.append(BotStopped(bot_id=row.bot_id), bot_id=row.bot_id)

    async def failed(
        self,
        row: BotRow,
        status: BotState,
        kind: FailureKind,
        reason: str,
        *,
        hung: bool = False,
        pause: Pause | None = None,
    ) -> None:
        """Failed, from ``status``. ``hung``: its health says so, not its death. No ``pause``: no start follows."""
        async with self._store.transaction(SUPERVISOR) as tx:
            if pause is not None:
                await tx.bots.plan_restart(row.bot_id, pause.failures, pause.until)
            await _move(tx, row.bot_id, status, _INTO_FAILED[status], reason=reason, kind=kind)
            if hung:
                await tx.events.append(HealthCheckFailed(bot_id=row.bot_id, error=reason), bot_id=row.bot_id)
            await tx.events.append(BotFailed(bot_id=row.bot_id, kind=kind, error=reason), bot_id=row.bot_id)

    async def never_started(self, row: BotRow, reason: str) -> None:
        """Failed for a reason that a person has to mend, from wherever a start begins."""
        async with self._store.transaction(SUPERVISOR) as tx:
            status = row.status
            if status in {BotState.STOPPED, BotState.FAILED}:
                await _move(tx, row.bot_id, status, INTO_STARTING[status])
                status = BotState.STARTING
            await _move(tx, row.bot_id, status, _INTO_FAILED[status], reason=reason, kind=FailureKind.CONFIG)
            await tx.bots.mark_generation(row.bot_id, row.restart_generation)
            payload = BotFailed(bot_id=row.bot_id, kind=FailureKind.CONFIG, error=reason)
            await tx.events.append(payload, bot_id=row.bot_id)

    async def erase(self, bot_id: str) -> None:
        """Every row of the bot; its database role is gone by now."""
        async with self._store.transaction(SUPERVISOR) as tx:
            await tx.bots.erase(bot_id)


async def _move(
    tx: Transaction, bot_id: str, before: BotState, by: Transition, *, reason: str = "", kind: FailureKind | None = None
) -> None:
    after = transition(before, by)
    assert after is not None
    if not await tx.bots.set_status(bot_id, before, after, reason=reason, failure_kind=kind):
        raise ConflictError(f"The state of {bot_id} was changed meanwhile: look again.")
