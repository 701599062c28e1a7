"""What work on a backup tells of its progress."""

from collections.abc import Callable

#: Called again and again with (parts done, parts in all, the part that is being worked on, bytes done of all parts).
Progress = Callable[[int, int, str, int], None]


def silent(done: int, total: int, part: str, size: int) -> None:
    """For who does not want to know."""


class Steps:
    """Counts parts and bytes for a Progress."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._begun = -1
        self._size = 0
        self._part = ""

    def begin(self, part: str) -> None:
        """The part before is done."""
        self._begun += 1
        self._part = part
        self.add(0)

    def add(self, size: int) -> None:
        """So many bytes more."""
        self._size += size
        self._progress(self._begun, self._total, self._part, self._size)

    def end(self) -> None:
        self._progress(self._total, self._total, "", self._size)
