"""Which of several versions of a profile counts: the newest. What the older ones knew is kept with it.

Versions lie side by side in one folder, and one was perhaps imported before: an older folder must not undo a newer one,
and a profile that the old bot lost, or began anew after a crash, must not take along what was imported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hanfleet.control.legacy.bounding import fitting_profile
from hanfleet.control.legacy.cleaning import plain
from hanfleet.control.legacy.oddities import Oddities, quoted
from hanfleet.control.legacy.records import LegacyProfile
from hanfleet.store.imports import without

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_NO_PROFILE = -1


def chosen(versions: Sequence[LegacyProfile], oddities: Oddities) -> LegacyProfile | None:
    """The newest by last activity, then by shape; each older one is noted and kept below ``legacy``."""
    if not versions:
        return None
    *older, newest = sorted(versions, key=_age)
    if not older:
        return newest
    kept = []
    for version in older:
        where = f"{newest.file} {newest.record}".strip()
        oddities.note(version.file, version.record, f"an older profile: {where} is newer", "kept beside the newer one")
        kept.append(_entry(version, version.data))
    legacy = {**newest.data.get("legacy", {}), "older": kept}
    return replace(newest, data={**newest.data, "legacy": legacy})


def sign_of(profile: LegacyProfile | None) -> dict[str, Any]:
    """What an import has to remember so that a later one can tell which version is newer."""
    if profile is None:
        return {"response_id": None, "last_activity": None, "rank": _NO_PROFILE}
    active = profile.last_activity and profile.last_activity.isoformat()
    return {"response_id": profile.response_id, "last_activity": active, "rank": profile.rank}


def imported_profile(chat_id: int, brought: Mapping[str, Any]) -> LegacyProfile:
    """The version that an earlier import brought, after its mark."""
    active = brought.get("last_activity")
    return LegacyProfile(
        chat_id=chat_id,
        file="",
        record="",
        rank=brought.get("rank", _NO_PROFILE + 1),
        name=brought.get("name", ""),
        last_activity=active and datetime.fromisoformat(active),
        message_count=brought.get("message_count", 0),
        response_id=brought.get("response_id"),
        data=brought.get("data", {}),
    )


def is_newer(found: LegacyProfile | None, before: LegacyProfile) -> bool:
    """Whether the folder's version goes in place of the one that was imported; of two of the same age it does."""
    return found is not None and _age(found) >= _age(before)


def settled(before: LegacyProfile, found: LegacyProfile | None, oddities: Oddities) -> LegacyProfile:
    """The version that has to stand, with all that only the other one knew: the same again, when it came to stand."""
    if found is None:
        if before.rank != _NO_PROFILE:
            where = f"chat {before.chat_id}"
            oddities.note("", where, f"no profile any more, though one was imported: {where}", "that one stays")
        return before
    found = replace(found, data=plain(found.data))
    newest, other = (found, before) if is_newer(found, before) else (before, found)
    kept = _older(newest.data)
    lost = without(_own_data(other), newest.data)
    for version in kept:
        lost = without(lost, version)
    entry = _entry(other, lost)
    if lost or _signs(entry) != _signs(_entry(newest, {})):
        _note(newest, other, entry, oddities)
    older = list(kept)
    # A profile that only grew has all that it was; an older folder's is kept in any case.
    if lost or (other is found and _signs(entry) not in map(_signs, (_entry(newest, {}), *kept))):
        older.append(entry)
    older += [version for version in _older(other.data) if version not in older]
    if older == kept:
        return newest
    legacy = {**newest.data.get("legacy", {}), "older": older}
    return fitting_profile(replace(newest, data={**newest.data, "legacy": legacy}), oddities)


def _note(newest: LegacyProfile, other: LegacyProfile, entry: Mapping[str, Any], oddities: Oddities) -> None:
    where = f"chat {newest.chat_id}"
    if other.file:
        reason = f"an older profile: of {where} a newer one was imported, {quoted(entry)}"
        oddities.note(other.file, other.record, reason, "kept beside the newer one")
    elif other.rank != _NO_PROFILE:
        reason = f"an older profile than this one was imported: {where}, {quoted(entry)}"
        oddities.note(newest.file, newest.record, reason, "replaced; what it alone knew is kept beside the newer one")


def _age(version: LegacyProfile) -> tuple[datetime, int]:
    return version.last_activity or _BEGINNING, version.rank


def _entry(version: LegacyProfile, data: Mapping[str, Any]) -> dict[str, Any]:
    """An older version as it is kept, with ``data`` of it."""
    return {
        "file": version.file,
        "name": version.name,
        "last_activity": version.last_activity and version.last_activity.isoformat(),
        "message_count": version.message_count,
        "previous_response_id": version.response_id,
        **data,
    }


def _signs(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells two versions apart beside their data."""
    return tuple(entry.get(key) for key in ("name", "last_activity", "previous_response_id"))


def _older(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The older versions that are kept in a profile; a field that the old data called so is one of them."""
    legacy = data.get("legacy", {})
    if "older" not in legacy:
        return []
    older = legacy["older"]
    return older if isinstance(older, list) and all(isinstance(one, dict) for one in older) else [{"older": older}]


def _own_data(version: LegacyProfile) -> dict[str, Any]:
    """Its data without the older versions."""
    legacy = {key: value for key, value in version.data.get("legacy", {}).items() if key != "older"}
    own = {key: value for key, value in version.data.items() if key != "legacy"}
    return {**own, "legacy": legacy} if legacy else own
