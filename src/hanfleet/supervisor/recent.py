"""How much of something each bot did within the last seconds. Refuses to judge it."""

from collections import defaultdict, deque


class Recent:
    """Sums of the amounts of the last ``window_s`` seconds, of a clock that never goes back."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._amounts: defaultdict[str, deque[tuple[float, float]]] = defaultdict(deque)

    def add(self, bot_id: str, at: float, amount: float) -> None:
        if amount:
            self._amounts[bot_id].append((at, amount))

    def sum(self, bot_id: str, at: float) -> float:
        amounts = self._amounts.get(bot_id)
        while amounts and amounts[0][0] <= at - self._window_s:
            amounts.popleft()
        return sum(amount for _, amount in amounts or ())

    def forget(self, bot_id: str) -> None:
        self._amounts.pop(bot_id, None)
