"""A profile in the third shape, of a later plan: telegram_id, and what is known in plain fields."""

from datetime import datetime
from typing import Any

from hanfleet.control.legacy.fields import Fields
from hanfleet.control.legacy.oddities import Oddities, quoted
from hanfleet.control.legacy.profiles_v2 import NAME_LIMIT, RANK_V3, own_chat_id
from hanfleet.control.legacy.records import LegacyProfile
from hanfleet.control.legacy.times import read_time, snapshot_id

_KNOWN = ("age", "location", "interests", "chat_style", "personality")


def read_profile_v3(
    values: dict[str, Any], chat_id: int, file: str, record: str, oddities: Oddities, now: datetime
) -> LegacyProfile:
    """One profile; what is known of the contact becomes one snapshot, of the time of the last activity."""
    fields = Fields(values, file, record, oddities)
    chat_id = own_chat_id(fields, "telegram_id", chat_id)
    times: dict[str, datetime | None] = {}
    created, active = fields.take("created_at"), fields.take("last_active")
    for key, value in (("created_at", created), ("last_active", active)):
        reading = read_time(value, now)
        times[key] = reading.at
        if reading.odd and value is not None:
            fields.note(f"{reading.odd}: {key} is {quoted(value)}", "kept")
            if reading.at is None:
                fields.put_back(key, value)
    known = {key: value for key in _KNOWN if (value := fields.take(key)) is not None}
    statistics = fields.take("conversation_stats")
    total = statistics.get("total_messages") if isinstance(statistics, dict) else None
    data: dict[str, Any] = {}
    if known:
        data["profile"] = {snapshot_id(times["last_active"] or times["created_at"]): known}
    profile = LegacyProfile(
        chat_id=chat_id,
        file=file,
        record=record,
        rank=RANK_V3,
        name=fields.take_text("name", limit=NAME_LIMIT),
        last_activity=times["last_active"],
        created_at=times["created_at"],
        message_count=total if isinstance(total, int) and not isinstance(total, bool) and 0 <= total < 2**31 else 0,
        data=data,
    )
    # An older version has no place for the day, and a contact that stands already keeps its own.
    beside = {"conversation_stats": statistics, "created_at": created}
    legacy = fields.rest() | {key: value for key, value in beside.items() if value is not None}
    if legacy:
        data["legacy"] = legacy
    return profile
