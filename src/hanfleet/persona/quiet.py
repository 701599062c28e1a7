"""Quiet hours: until when a reply waits. The clock on the wall of the configured time zone decides."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hanfleet.core.config import QuietHours


def quiet_until(now: datetime, hours: QuietHours | None) -> datetime | None:
    """The end of the quiet hours in which ``now`` lies, in UTC; None when it lies in none.

    Hours that begin and end at the same time are none at all. On days when the clocks change, the wall clock counts.
    """
    if hours is None or hours.start == hours.end:
        return None
    zone = ZoneInfo(hours.time_zone)
    here = now.astimezone(zone)
    clock = here.time()
    if hours.start < hours.end:
        inside, ends_today = hours.start <= clock < hours.end, True
    else:
        inside, ends_today = clock >= hours.start or clock < hours.end, clock < hours.end
    if not inside:
        return None
    day = here.date() if ends_today else here.date() + timedelta(days=1)
    return datetime.combine(day, _naive(hours.end), tzinfo=zone).astimezone(UTC)


def _naive(moment: time) -> time:
    return moment.replace(tzinfo=None)
