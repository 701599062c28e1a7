"""One talk out of several copies of it: the log, and backups that hold what the log has lost.

Copies of one message are equal in time, direction and text. The log's order counts; what only another copy has goes
where its neighbours in that copy stand, and between two stretches without a common neighbour time decides. A message
that a copy holds twice is two messages.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from hanfleet.control.legacy.records import LegacyMessage

_BEGINNING = datetime.min.replace(tzinfo=UTC)


def merged(base: list[LegacyMessage], copy: Sequence[LegacyMessage]) -> tuple[list[LegacyMessage], int]:
    """``base`` with what only ``copy`` has, and how many messages that are."""
    places: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for place, message in enumerate(base):
        places[message.identity].append(place)
    result: list[LegacyMessage] = []
    done = 0  # so much of the base is in the result
    waiting: list[LegacyMessage] = []  # of the copy, since the last common message
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


def _by_time(first: Sequence[LegacyMessage], second: Sequence[LegacyMessage]) -> list[LegacyMessage]:
    """Both stretches in one, each in its own order; at equal times the first goes first."""
    if not first or not second:
        return [*first, *second]
    result: list[LegacyMessage] = []
    at = 0
    now = _BEGINNING
    for message in first:
        now = max(now, message.sent_at or now)
        while at < len(second) and (second[at].sent_at or _BEGINNING) < now:
            result.append(second[at])
            at += 1
        result.append(message)
    return [*result, *second[at:]]
