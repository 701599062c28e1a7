"""Counting what bots do to others. Keeps nothing beyond this process: a new leader begins with a clean sheet."""

from collections import deque

from hanfleet.kit.clock import Clock


class Offences:
    """``most`` within ``within_s`` are too many."""

    def __init__(self, clock: Clock, *, most: int = 3, within_s: float = 600.0) -> None:
        self._clock = clock
        self._most = most
        self._within_s = within_s
        self._known: dict[str, deque[float]] = {}

    def add(self, bot_id: str) -> bool:
        """One more. True when that is too many; then the count begins anew."""
        now = self._clock.monotonic()
        known = self._known.setdefault(bot_id, deque(maxlen=self._most))
        known.append(now)
        if len(known) < self._most or now - known[0] >= self._within_s:
            return False
        known.clear()
        return True
