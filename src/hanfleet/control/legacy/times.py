"""Times as the old bot wrote them: ISO 8601 with Z and microseconds, and whatever else turns up in their place."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

#: Telegram's first day: no message is older.
_EARLIEST = datetime(2013, 8, 14, tzinfo=UTC)


@dataclass(frozen=True)
class Reading:
    """``at`` in UTC (None: no time at all), and what is odd about it ("": nothing)."""

    at: datetime | None
    odd: str = ""


def read_time(value: Any, now: datetime) -> Reading:
    """The time that ``value`` means, to the microsecond. Times that cannot be true are kept and called odd."""
    if value is None or value == "":
        return Reading(None, "no time")
    try:
        at, odd = _moment(value)
        at = at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return Reading(None, "not a time")
    if not 1 < at.year < 9999:
        return Reading(None, "not a time")
    if at < _EARLIEST:
        return Reading(at, "a time before Telegram existed")
    if at > now:
        return Reading(at, "a time in the future")
    return Reading(at, odd)


def snapshot_id(at: datetime | None) -> str:
    """The key under which the old bot would have kept a snapshot of that moment."""
    return at.strftime("%Y%m%d%H%M%S") if at else "00000000000000"


def _moment(value: Any) -> tuple[datetime, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC), "a time in seconds"
    at = datetime.fromisoformat(str(value).strip())
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC), "a time without a zone"
    return at, ""
