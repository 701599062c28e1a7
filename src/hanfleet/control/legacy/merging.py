"""One talk out of several copies of it: what was imported before, the log, and backups that hold what the log has lost.

Copies of one message are equal in time, direction and text. The log's order counts; what only another copy has goes
where its neighbours in that copy stand, and between two stretches without a common neighbour time decides. A message
that a copy holds twice is two messages.
"""

from collections import defaultdict, deque
from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from hanfleet.control.legacy.ids import moved, place_of
from hanfleet.store.imported import ImportedMessage

_BEGINNING = datetime.min.replace(tzinfo=UTC)
#: Of messages by their places, the fields that have no place in a message.
Extras = Mapping[str, dict[str, Any]]


class Said(Protocol):
    """A message of any copy."""

    @property
    def identity(self) -> Hashable: ...

    @property
    def sent_at(self) -> datetime | None: ...


_M = TypeVar("_M", bound=Said)


def merged(base: list[_M], copy: Sequence[_M]) -> tuple[list[_M], int]:
    """``base`` with what only ``copy`` has, and how many messages that are."""
    places: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, message in enumerate(base):
        places[message.identity].append(place)
    result: list[_M] = []
    done = 0  # so much of the base is in the result
    waiting: list[_M] = []  # of the copy, since the last common message
    recovered = 0
    for known in places.values():
        known.reverse()
    for message in copy:
        known = places.get(message.identity, [])
        if not known:
            waiting.append(message)
            recovered += 1
            continue
        place = known.pop()
        if place < done:
            continue  # both have it, in another order; the base's counts
        result += _by_time(base[done:place], waiting)
        result.append(base[place])
        done, waiting = place + 1, []
    if not recovered:
        return base, 0
    return result + _by_time(base[done:], waiting), recovered


def grown(stored: list[ImportedMessage], given: Sequence[ImportedMessage]) -> list[ImportedMessage]:
    """``stored`` with what only ``given`` has, each with the id of its place; as it is when there is nothing new."""
    talk, new = merged(stored, given)
    return [message._replace(id=moved(message.id, place)) for place, message in enumerate(talk)] if new else stored


def extras_in(
    talk: Sequence[ImportedMessage],
    stored: tuple[Sequence[ImportedMessage], Extras],
    given: tuple[Sequence[ImportedMessage], Extras],
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """What stands beside the messages of ``talk`` after ``given`` came to ``stored``; and the values that gave way."""
    extras: dict[str, dict[str, Any]] = {}
    replaced: dict[str, dict[str, Any]] = {}
    if not stored[1] and not given[1]:
        return extras, replaced
    before, after = _by_identity(*stored), _by_identity(*given)
    for message in talk:
        old, new = _next(before, message), _next(after, message)
        place = str(place_of(message.id))
        if old or new:
            extras[place] = {**old, **new}
        if gone := {key: value for key, value in old.items() if extras[place][key] != value}:
            replaced[place] = gone
    return extras, replaced


def _by_identity(talk: Sequence[ImportedMessage], extras: Extras) -> dict[Hashable, deque[dict[str, Any]]]:
    found: defaultdict[Hashable, deque[dict[str, Any]]] = defaultdict(deque)
    for message in talk:
        found[message.identity].append(extras.get(str(place_of(message.id)), {}))
    return found


def _next(extras: dict[Hashable, deque[dict[str, Any]]], message: ImportedMessage) -> dict[str, Any]:
    left = extras.get(message.identity)
    return left.popleft() if left else {}


def _by_time(first: Sequence[_M], second: Sequence[_M]) -> list[_M]:
    """Both stretches in one, each in its own order; at equal times the first goes first."""
    if not first or not second:
        return [*first, *second]
    result: list[_M] = []
    at = 0
    now = _BEGINNING
    # What has no time at the head of a stretch goes with the one after it, not to the beginning of all.
    head = next((message.sent_at for message in second if message.sent_at), _BEGINNING)
    for message in first:
        now = max(now, message.sent_at or now)
        while at < len(second) and (second[at].sent_at or head) < now:
            result.append(second[at])
            head = second[at].sent_at or head
            at += 1
        result.append(message)
    return [*result, *second[at:]]
