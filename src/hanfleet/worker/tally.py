"""What the worker counts for its heartbeat. Since its start, in memory; what must survive is in rows."""

from dataclasses import dataclass
from datetime import datetime


@dataclass
class Tally:
    """``answer_latency_ms``: of the last reply, from the message's arrival, planned waits taken off."""

    messages_in: int = 0
    messages_out: int = 0
    last_update_at: datetime | None = None
    answer_latency_ms: float | None = None
