"""A profile as the old bot's profile store wrote it, version 2 (and inside girls_data.json, version 1)."""

from datetime import datetime
from typing import Any

from hanfleet.control.legacy.bounding import fits
from hanfleet.control.legacy.fields import Fields, chat_id_of
from hanfleet.control.legacy.oddities import Oddities, quoted
from hanfleet.control.legacy.records import LegacyProfile
from hanfleet.control.legacy.times import read_time

RANK_V1, RANK_ASIDE, RANK_V3, RANK_V2 = range(4)
NAME_LIMIT = 64


def read_profile_v2(
    values: dict[str, Any], chat_id: int, file: str, record: str, oddities: Oddities, now: datetime, rank: int
) -> LegacyProfile:
    """One profile. ``chat_id`` is what file or key says; the record's own word wins over it."""
    fields = Fields(values, file, record, oddities)
    chat_id = own_chat_id(fields, "chat_id", chat_id)
    if chat_id < 0:
        fields.note("a group, not a person", "kept; bots answer private chats only")
    data: dict[str, Any] = {}
    for key in ("summary", "profile"):
        value = fields.take(key)
        if isinstance(value, dict):
            data[key] = value
        elif value is not None:
            fields.note(f"no object: {key} is {quoted(value)}", "kept among the unknown fields")
            fields.put_back(key, value)
    active = fields.take("last_activity")
    last_activity = read_time(active, now)
    if last_activity.odd and active is not None:
        fields.note(f"{last_activity.odd}: last_activity is {quoted(active)}", "kept")
        if last_activity.at is None:
            fields.put_back("last_activity", active)
    response = fields.take("previous_response_id")
    if response is not None and not isinstance(response, str):
        fields.note(f"no text: previous_response_id is {quoted(response)}", "kept among the unknown fields")
        fields.put_back("previous_response_id", response)
        response = None
    elif response is not None and not fits(response):
        fields.note(f"no id: previous_response_id has {len(response)} characters", "kept among the unknown fields")
        fields.put_back("previous_response_id", response)
        response = None
    profile = LegacyProfile(
        chat_id=chat_id,
        file=file,
        record=record,
        rank=rank,
        name=fields.take_text("name", limit=NAME_LIMIT),
        last_activity=last_activity.at,
        message_count=fields.take_count("message_count"),
        response_id=response,
        data=data,
    )
    if unknown := fields.rest():
        data["legacy"] = unknown
    return profile


def own_chat_id(fields: Fields, key: str, named: int) -> int:
    """What the record says of its chat, or what its place says when the record is silent or makes no sense."""
    value = fields.take(key)
    own = chat_id_of(value)
    if value is None:
        fields.note(f"no {key}", f"taken for chat {named}, after its name")
    elif own is None:
        fields.note(f"no id: {key} is {quoted(value)}", f"taken for chat {named}, after its name")
        fields.put_back(key, value)
    elif own != named:
        fields.note(f"two ids: its name says {named}, its {key} says {own}", f"taken for chat {own}")
    return named if own is None else own
