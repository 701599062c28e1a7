"""How much each bot may take of what all share: some at once, and little in the long run. Refuses to judge it."""


class Allowance:
    """``burst`` at once; ``per_s`` of it come back, by a clock that never goes back."""

    def __init__(self, burst: float, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._taken: dict[str, float] = {}
        self._at = 0.0

    def take(self, bot_id: str, amount: float = 1.0) -> None:
        """May go over the burst: then it takes the longer to come back."""
        self._taken[bot_id] = self._taken.get(bot_id, 0.0) + amount

    def exhausted(self, at: float) -> set[str]:
        """The bots that have nothing left at this moment."""
        back = (at - self._at) * self._per_s
        self._at = at
        self._taken = {bot_id: taken - back for bot_id, taken in self._taken.items() if taken > back}
        return {bot_id for bot_id, taken in self._taken.items() if taken >= self._burst}

    def pardon(self, bot_id: str, amount: float) -> None:
        """Let it have so much again, if less is left."""
        if bot_id in self._taken:
            self._taken[bot_id] = min(self._taken[bot_id], max(self._burst - amount, 0.0))

    def in_use(self, bot_id: str) -> bool:
        """Whether not all of what it took has come back yet."""
        return bot_id in self._taken
