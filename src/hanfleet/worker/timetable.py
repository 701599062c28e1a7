"""When to look at which chat again: a mirror of due times that stand in rows. Losing it loses promptness only."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Errand(StrEnum):
    """What a chat is looked at for."""

    TURN = "turn"
    SEND = "send"


class Entry(NamedTuple):
    chat_id: int
    errand: Errand


class Timetable:
    """At most one time per chat and errand; the last one set counts, since each message moves the end of its burst."""

    def __init__(self) -> None:
        self._times: dict[Entry, datetime] = {}

    def set(self, chat_id: int, errand: Errand, at: datetime) -> None:
        self._times[Entry(chat_id, errand)] = at

    def drop(self, chat_id: int, errand: Errand) -> None:
        self._times.pop(Entry(chat_id, errand), None)

    def has(self, chat_id: int, errand: Errand) -> bool:
        return Entry(chat_id, errand) in self._times

    def next_at(self) -> datetime | None:
        """The earliest time; None when there is none."""
        return min(self._times.values(), default=None)

    def pop_due(self, now: datetime) -> list[Entry]:
        """Take out what is due, earliest first."""
        due = sorted((at, entry) for entry, at in self._times.items() if at <= now)
        for _, entry in due:
            del self._times[entry]
        return [entry for _, entry in due]
