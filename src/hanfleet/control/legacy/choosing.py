"""Which of several versions of a profile counts: the newest. What the older ones knew is kept with it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from hanfleet.control.legacy.oddities import Oddities
from hanfleet.control.legacy.records import LegacyProfile

_BEGINNING = datetime.min.replace(tzinfo=UTC)


def chosen(versions: Sequence[LegacyProfile], oddities: Oddities) -> LegacyProfile | None:
    """The newest by last activity, then by shape; each older one is noted and kept below ``legacy``."""
    if not versions:
        return None
    *older, newest = sorted(versions, key=lambda version: (version.last_activity or _BEGINNING, version.rank))
    if not older:
        return newest
    kept = []
    for version in older:
        where = f"{newest.file} {newest.record}".strip()
        oddities.note(version.file, version.record, f"an older profile: {where} is newer", "kept beside the newer one")
        kept.append(
            {
                "file": version.file,
                "name": version.name,
                "last_activity": version.last_activity and version.last_activity.isoformat(),
                "message_count": version.message_count,
                "previous_response_id": version.response_id,
                **version.data,
            }
        )
    legacy = {**newest.data.get("legacy", {}), "older": kept}
    return replace(newest, data={**newest.data, "legacy": legacy})
