"""Where a worker shall die next: one slot per bot in a small file that test and workers have mapped into memory.

The zygote maps it before it forks, so contained workers see it too, although they may open nothing.
"""

import mmap
import os
from pathlib import Path

_SLOT = 256
_SLOTS = 64
_SIZE = _SLOT * _SLOTS


class KillPlan:
    """Slots of ``bot label|label…``, which are hit in that order; no label means: live."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(descriptor, _SIZE)
            self._map = mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)

    def arm(self, bot_id: str, *labels: str) -> None:
        """Let the worker of ``bot_id`` die when it next passes the first label, its successor at the next, and so on."""
        place = self._place(bot_id, claim=True)
        assert place is not None
        self._write(place, f"{bot_id} {'|'.join(labels)}")

    def armed(self, bot_id: str) -> str:
        """The labels that still wait for this bot; empty when all were hit."""
        place = self._place(bot_id, claim=False)
        return "" if place is None else self._read(place).partition(" ")[2]

    def reached(self, bot_id: str, label: str) -> bool:
        """Whether the worker shall die here; asked once, the next label's turn has come."""
        next_one, _, later = self.armed(bot_id).partition("|")
        if next_one != label:
            return False
        self.arm(bot_id, *filter(None, later.split("|")))
        return True

    def _place(self, bot_id: str, *, claim: bool) -> int | None:
        for place in range(0, _SIZE, _SLOT):
            owner = self._read(place).partition(" ")[0]
            if owner == bot_id or (claim and not owner):
                return place
        return None

    def _read(self, place: int) -> str:
        return self._map[place : place + _SLOT].rstrip(b"\0").decode()

    def _write(self, place: int, text: str) -> None:
        self._map[place : place + _SLOT] = text.encode().ljust(_SLOT, b"\0")
