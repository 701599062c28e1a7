"""How much bots' clients of the bus do in a second. Refuses to judge it, and forgets clients that have gone."""

from collections.abc import Callable, Iterable

from hanfleet.bus import BotClient, BotUse

#: A look that follows another at once speaks of a second all the same, or one command would be a thousand per second.
_SHORTEST_S = 1.0


class Pace:
    """From one look to the next; of a client that came since, from its coming."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._before: dict[int, BotClient] | None = None
        self._elapsed_s = _SHORTEST_S

    def begin(self, now: float) -> None:
        """A look at ``now``, in seconds of a clock that never goes back."""
        self._elapsed_s = _SHORTEST_S if self._at is None else max(_SHORTEST_S, now - self._at)
        self._at = now

    def end(self, uses: list[BotUse]) -> None:
        """What was seen is what the next look begins with."""
        self._before = {client.id: client for use in uses for client in use.clients or ()}

    def new(self, clients: Iterable[BotClient]) -> int:
        """How many came since the look before; none at the first, which knows of nobody when he came."""
        return 0 if self._before is None else sum(client.id not in self._before for client in clients)

    def per_s(self, clients: Iterable[BotClient], count: Callable[[BotClient], int | None]) -> float:
        """The sum over ``clients``; 0 where the server does not count."""
        total = 0.0
        for client in clients:
            before = (self._before or {}).get(client.id)
            if before is None:
                total += (count(client) or 0) / max(self._elapsed_s, client.age_s)
            else:
                total += ((count(client) or 0) - (count(before) or 0)) / self._elapsed_s
        return total
