"""How long a reader waits before it tries a lost bus again: 0.1 s at first, doubling to 5 s."""

from typing import Any

from hanfleet.core.errors import BusUnavailableError
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger

_FIRST_S = 0.1
_LONGEST_S = 5.0


class Patience:
    """One reader's patience. It speaks once when the bus is lost and once when it is back."""

    def __init__(self, clock: Clock, reader: str) -> None:
        self._clock = clock
        self._delay = 0.0
        self._log: Any = get_logger("bus").bind(reader=reader)

    async def lost(self, error: BusUnavailableError) -> None:
        """Wait for the next try."""
        if not self._delay:
            self._log.warning("the bus is lost", error=str(error))
        self._delay = min(_LONGEST_S, max(_FIRST_S, 2 * self._delay))
        await self._clock.sleep(self._delay)

    def answered(self) -> None:
        """The server answered."""
        if self._delay:
            self._log.info("the bus is back")
        self._delay = 0.0
