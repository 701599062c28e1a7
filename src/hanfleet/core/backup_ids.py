"""Names of backups: when it was begun (UTC) and what it holds, so that a listing of the folder tells both."""

import re
from datetime import UTC, datetime

DAILY, FLEET, _BOT = "daily", "fleet", "bot-"
_FORM = re.compile(r"(\d{8}T\d{6}Z)-(daily|fleet|bot-[a-z0-9-]+)(-\d+)?")
_TIME = "%Y%m%dT%H%M%SZ"


def backup_id(begun: datetime, bot_id: str | None, *, daily: bool = False) -> str:
    """``begun`` is aware; ``daily`` marks a backup of the schedule, which alone prunes by itself."""
    label = f"{_BOT}{bot_id}" if bot_id else DAILY if daily else FLEET
    return f"{begun.astimezone(UTC).strftime(_TIME)}-{label}"


def is_backup_id(name: str) -> bool:
    return _FORM.fullmatch(name) is not None


def is_daily(name: str) -> bool:
    """Whether the schedule made it."""
    found = _FORM.fullmatch(name)
    return found is not None and found[2] == DAILY


def begun_at(name: str) -> datetime:
    """When the backup of that name was begun."""
    return datetime.strptime(name.partition("-")[0], _TIME).replace(tzinfo=UTC)
