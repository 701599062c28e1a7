"""What is known of a contact, in the old bot's shape (legacy/README): snapshots by time, summaries by time, a goal.

It reads any object without complaint: profiles come from models and from ten years of JSON files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOPICS = ("interests", "work", "travel", "music_movies", "values", "family", "goals", "fears", "facts")
"""The topics that a bot tries to learn about, in order."""

PROFILE_LIMIT = 300
"""Characters of profile that go into a prompt."""


@dataclass(frozen=True)
class KnownContact:
    """The newest of each: ``snapshot`` topic → value, ``summary``, ``goal``."""

    name: str = ""
    snapshot: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    goal: str = ""


def read_profile(name: str, profile_data: Mapping[str, Any]) -> KnownContact:
    """The newest snapshot, summary and the goal of stored ``profile_data``; whatever has another shape is left out."""
    snapshot, summary, goal = (
        _newest(profile_data.get("profile")),
        _newest(profile_data.get("summary")),
        profile_data.get("goal"),
    )
    return KnownContact(
        name=name,
        snapshot=snapshot if isinstance(snapshot, Mapping) else {},
        summary=summary if isinstance(summary, str) else "",
        goal=goal if isinstance(goal, str) else "",
    )


def profile_lines(contact: KnownContact) -> str:
    """``topic: value`` lines, PROFILE_LIMIT characters at most, cut between words."""
    lines = [f"{topic}: {_flat(value)}" for topic, value in contact.snapshot.items() if _flat(value)]
    text = "\n".join(lines)
    if len(text) <= PROFILE_LIMIT:
        return text
    return text[:PROFILE_LIMIT].rsplit(maxsplit=1)[0]


def focus_topic(contact: KnownContact) -> str | None:
    """The first topic of which the newest snapshot says nothing; None when all are known."""
    return next((topic for topic in TOPICS if not _flat(contact.snapshot.get(topic))), None)


def _newest(by_time: Any) -> Any:
    """Ids are YYYYMMDDHHMMSS strings, so the greatest is the newest."""
    if not isinstance(by_time, Mapping) or not by_time:
        return None
    return by_time[max(by_time, key=str)]


def _flat(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(inner)}" for key, inner in value.items() if _flat(inner))
    if isinstance(value, list | tuple):
        return ", ".join(_flat(inner) for inner in value if _flat(inner))
    return " ".join(str(value).split())
