"""Responses that a later request may name as its previous one, in bounded memory.

As with the vendor, each response keeps what its context cost. Nothing is written to disk: after a restart every id is
unknown, and clients have to cope, as they must when the vendor has dropped one.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Remembered:
    """One stored response: its body, and the tokens of the whole conversation up to its end."""

    body: dict[str, Any]
    context_tokens: int


class ResponseMemory:
    """The newest ``capacity`` responses; the oldest is forgotten first."""

    def __init__(self, capacity: int = 20_000) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[str, Remembered] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, response_id: str, remembered: Remembered) -> None:
        self._kept[response_id] = remembered
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def find(self, response_id: str) -> Remembered | None:
        return self._kept.get(response_id)
