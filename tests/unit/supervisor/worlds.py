"""Bots as the reconciler sees them, for tests."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hanfleet.core.failures import FailureKind
from hanfleet.core.process import Lease, ProcessPhase, ProcessRef, ProcessStatus
from hanfleet.core.states import BotState, DesiredState, WorkerPhase
from hanfleet.store.records import Beat, BotRow, HeartbeatRow
from hanfleet.supervisor.reconciler import Holder, View

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
REF = ProcessRef("node", "boot", 100, 1)
ALIVE = ProcessStatus(ProcessPhase.ALIVE, REF)


def ended(status: int | None) -> ProcessStatus:
    return ProcessStatus(ProcessPhase.EXITED, REF, status)


def row_of(bot_id: str = "anna", **changes: Any) -> BotRow:
    row = BotRow(
        bot_id=bot_id,
        name=bot_id,
        config={},
        config_version=1,
        desired_state=DesiredState.RUNNING,
        restart_generation=0,
        applied_generation=0,
        status=BotState.RUNNING,
        status_reason="",
        status_since=NOW,
        failure_kind=None,
        failures=0,
        not_before=None,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(row, **changes)


def lease_with(holder: ProcessRef | None = REF, *, epoch: int = 3, expired: bool = False) -> Lease:
    return Lease("bot:anna", epoch, holder, NOW, expired)


def beat_of(
    phase: WorkerPhase = WorkerPhase.RUNNING, *, epoch: int = 3, age_s: float = 0.5, **beat: Any
) -> HeartbeatRow:
    beat.setdefault("connected", True)
    return HeartbeatRow("anna", epoch, Beat(phase=phase, **beat), NOW, age_s)


def view_of(**parts: Any) -> View:
    """A healthy running bot, but for what is named; ``row`` may be a dict of changes."""
    row = parts.pop("row", {})
    row = row if isinstance(row, BotRow) else row_of(**row)
    parts.setdefault("lease", lease_with())
    parts.setdefault("holder", Holder.ALIVE)
    parts.setdefault("heartbeat", beat_of())
    parts.setdefault("process", ALIVE)
    return View(row=row, **parts)


def dead(exit_status: int | None, **row: Any) -> View:
    return view_of(row=row, holder=Holder.DEAD, process=ended(exit_status))


STOPPED, FAILED, STARTING = BotState.STOPPED, BotState.FAILED, BotState.STARTING
FINAL_KINDS = [kind for kind in FailureKind if not kind.restart_helps]
