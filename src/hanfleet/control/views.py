"""What operators see. Frozen models: the API gives them as they are. No secret has a field here, only its name."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from hanfleet.core.failures import FailureKind
from hanfleet.core.states import BotState, DesiredState, WorkerPhase
from hanfleet.store.records import BotRow, ContactRow, HeartbeatRow

#: What a removed bot's last state came from is of no use to anybody.
_REMOVED = {
    DesiredState.ARCHIVED: "It was removed; its data is kept.",
    DesiredState.ERASED: "It was removed and is being erased.",
}


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class BotInfo(_View):
    """One line of the list."""

    bot_id: str
    name: str
    status: BotState
    status_reason: str = Field(description="Why, as a sentence; may be empty.")
    status_since: datetime
    failure_kind: FailureKind | None
    desired_state: DesiredState
    config_version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: BotRow) -> "BotInfo":
        values = {name: getattr(row, name) for name in BotInfo.model_fields}
        if row.desired_state in _REMOVED:
            values["status_reason"] = _REMOVED[row.desired_state]
        return BotInfo.model_validate(values)


class BotStatus(BotInfo):
    """What a bot does right now. The worker's own words are null while it has said nothing, and as old as their age."""

    restart_pending: bool
    failures: int = Field(description="Failed starts in a row.")
    next_start_at: datetime | None = Field(description="Not started again before this.")
    phase: WorkerPhase | None = None
    connected: bool | None = None
    heartbeat_age_s: float | None = None
    last_update_at: datetime | None = None
    oldest_unanswered_at: datetime | None = None
    loop_lag_ms: float | None = None
    rss_mb: float | None = None
    uss_mb: float | None = None
    messages_in: int | None = Field(default=None, description="Since the worker started.")
    messages_out: int | None = Field(default=None, description="Since the worker started.")
    answer_latency_ms: float | None = None

    @classmethod
    def seen(cls, row: BotRow, heartbeat: HeartbeatRow | None) -> "BotStatus":
        """``heartbeat`` counts only while a worker should be alive: a dead one's last words mislead."""
        values: dict[str, Any] = BotInfo.of(row).model_dump()
        values |= {
            "restart_pending": row.restart_generation > row.applied_generation,
            "failures": row.failures,
            "next_start_at": row.not_before,
        }
        if heartbeat is not None and row.status in (BotState.STARTING, BotState.RUNNING, BotState.STOPPING):
            values |= vars(heartbeat.beat) | {"heartbeat_age_s": heartbeat.age_s}
            if row.status is BotState.STARTING and heartbeat.beat.phase is WorkerPhase.RUNNING:
                # The supervisor has not looked yet: what was awaited has happened.
                values["status_reason"] = ""
        return cls.model_validate(values)


class BotDetails(BotInfo):
    """A bot with its configuration."""

    config: dict[str, Any] = Field(description="All but the secrets.")
    secrets_set: list[str] = Field(description="The names of the secrets that are stored.")

    @classmethod
    def with_secrets(cls, row: BotRow, names: list[str]) -> "BotDetails":
        info = BotInfo.of(row).model_dump()
        return cls.model_validate({**info, "config": row.config, "secrets_set": sorted(names)})


class LoginStep(_View):
    """Where a log-in stands after a step."""

    password_needed: bool = Field(description="The account has a second password: send it to …/login/password.")
    logged_in: bool


class ContactInfo(_View):
    """One contact; texts and facts are in its export."""

    chat_id: int
    id: UUID
    name: str
    username: str | None
    language: str | None
    is_bot: bool
    disclosed_at: datetime | None = Field(description="When it was told that it talks to an AI.")
    opted_out_at: datetime | None
    paused_at: datetime | None
    message_count: int = Field(description="What the contact wrote.")
    last_activity: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: ContactRow) -> "ContactInfo":
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class Erasure(_View):
    """What became of an erasure."""

    bot_id: str
    erased: dict[str, int] = Field(description="How many rows went, by table.")
    complete: bool = Field(description="False: the bus does not answer; what it holds goes when it is back.")
    backups_until: datetime | None = Field(
        default=None,
        description="Daily backups from before may hold the contact until then; restoring one does not bring it back.",
    )
    backups_by_hand: list[str] = Field(
        default=[], description="Backups from before that stay until somebody removes them."
    )
