"""When a bot whose worker died may be started again: at once, then ever later, then one careful try at a time.

Per bot, so one bot's breaker never touches another. Refuses to know why the worker died: whether a restart can help at
all is core.failures' word. Times are seconds of one monotonic clock, given by the caller.
"""

import random
from dataclasses import dataclass, field
from enum import StrEnum

from hanfleet.kit.backoff import Backoff


class Breaker(StrEnum):
    CLOSED = "closed"  # restarts with backoff
    OPEN = "open"  # too many in too short a time: waits
    HALF_OPEN = "half_open"  # one try is under way; it proves itself or opens the breaker for longer


@dataclass(frozen=True)
class RestartSettings:
    """Seconds and counts. The first restart after a quiet time is immediate."""

    backoff: Backoff = field(default_factory=lambda: Backoff(first_s=0.5, longest_s=30.0, jitter=0.3))
    intensity: int = 6  # this many failures …
    window_s: float = 60.0  # … within this time open the breaker
    open_s: float = 60.0
    max_open_s: float = 900.0
    stable_s: float = 60.0  # a worker that ran so long has proved itself


@dataclass
class _Record:
    failures: list[float] = field(default_factory=list)
    start_at: float = 0.0
    breaker: Breaker = Breaker.CLOSED
    open_s: float = 0.0
    running_since: float | None = None


class RestartPolicy:
    """The restart state of all bots."""

    def __init__(self, settings: RestartSettings, chance: random.Random) -> None:
        self._settings = settings
        self._chance = chance
        self._records: dict[str, _Record] = {}

    def start_at(self, bot_id: str) -> float:
        """The moment from which the bot may be started; 0 for a bot without a past."""
        record = self._records.get(bot_id)
        return record.start_at if record else 0.0

    def failures(self, bot_id: str) -> int:
        """How many failures the window holds."""
        record = self._records.get(bot_id)
        return len(record.failures) if record else 0

    def breaker(self, bot_id: str) -> Breaker:
        record = self._records.get(bot_id)
        return record.breaker if record else Breaker.CLOSED

    def failed(self, bot_id: str, now: float) -> float:
        """The worker died or could not start: note it and give the moment of the next start."""
        record = self._records.setdefault(bot_id, _Record())
        self._forgive(record, now)
        record.running_since = None
        record.failures = [moment for moment in record.failures if moment > now - self._settings.window_s]
        record.failures.append(now)
        if record.breaker is not Breaker.CLOSED or len(record.failures) >= self._settings.intensity:
            doubled = record.open_s * 2 or self._settings.open_s
            record.open_s = min(doubled, self._settings.max_open_s)
            record.breaker = Breaker.OPEN
            delay = record.open_s * (1 + self._settings.backoff.jitter * self._chance.random())
        else:
            delay = self._settings.backoff.delay(len(record.failures) - 1, self._chance)
        record.start_at = now + delay
        return record.start_at

    def started(self, bot_id: str, now: float) -> None:
        """A start is under way. From an open breaker it is the one try."""
        record = self._records.get(bot_id)
        if record and record.breaker is Breaker.OPEN and now >= record.start_at:
            record.breaker = Breaker.HALF_OPEN

    def running(self, bot_id: str, now: float) -> None:
        """The worker is Running now."""
        self._records.setdefault(bot_id, _Record()).running_since = now

    def forget(self, bot_id: str) -> None:
        """A person started, restarted or stopped the bot: its past does not count any more."""
        self._records.pop(bot_id, None)

    def _forgive(self, record: _Record, now: float) -> None:
        if record.running_since is not None and now - record.running_since >= self._settings.stable_s:
            record.failures.clear()
            record.breaker, record.open_s = Breaker.CLOSED, 0.0
