"""How long to wait before the next attempt. Pure: chance comes in, nothing is remembered, nothing sleeps."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Waits that grow by ``factor`` from ``first_s`` and never exceed ``longest_s``.

    ``jitter`` is the share of each wait that chance may take away (0: none, 1: all of it), so that many who failed
    together do not come back together ("equal jitter" is 0.5, "full jitter" 1).
    """

    first_s: float = 0.1
    factor: float = 2.0
    longest_s: float = 30.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        if self.first_s < 0 or self.longest_s < self.first_s or self.factor < 1 or not 0 <= self.jitter <= 1:
            raise ValueError(f"{self} is no backoff: 0 ≤ first_s ≤ longest_s, factor ≥ 1, 0 ≤ jitter ≤ 1")

    def delay(self, failures: int, chance: random.Random) -> float:
        """Seconds to wait after ``failures`` failures in a row; none after none."""
        if failures <= 0:
            return 0.0
        return self.ceiling(failures) * (1 - self.jitter * chance.random())

    def ceiling(self, failures: int) -> float:
        """The longest wait that ``delay`` can give after ``failures`` failures in a row."""
        try:
            grown = self.first_s * self.factor ** (failures - 1)
        except OverflowError:
            return self.longest_s
        return min(self.longest_s, grown)
