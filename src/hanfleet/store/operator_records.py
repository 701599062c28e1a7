"""What operators hold and are told: grants, tokens, webhooks, alerts, as the store gives and takes them.

Frozen and typed, like `records`; times are aware and in UTC, bytes named ``…_sealed`` are opaque here.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What an operator may do to the bots that a grant names."""

    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


@dataclass(frozen=True)
class OperatorRow:
    name: str
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True)
class GrantRow:
    """``bot_id`` None: for every bot, those to come too. ``granted_by`` is a principal, as in ``operator:olga``."""

    operator: str
    bot_id: str | None
    role: Role
    granted_by: str
    granted_at: datetime


@dataclass(frozen=True)
class TokenRow:
    """An API token without its hash. ``expires_at`` None: it does not."""

    id: UUID
    operator: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True)
class AlertRow:
    """An open alert. ``bot_id`` None: of the fleet; ``acknowledged_by`` is a principal."""

    id: UUID
    bot_id: str | None
    kind: str
    severity: Severity
    detail: str
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class WebhookState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    FAILING = "failing"


@dataclass(frozen=True)
class WebhookRow:
    """``bot_id`` None: every bot's events."""

    id: UUID
    bot_id: str | None
    url: str
    secret_sealed: bytes = field(repr=False)
    event_types: tuple[str, ...]
    state: WebhookState
