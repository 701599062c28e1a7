"""A conversation log: the list that the old bot wrote, or the object of the later plan (see `conversations_v2`)."""

from datetime import datetime
from typing import Any

from hanfleet.control.legacy.cleaning import clean_text
from hanfleet.control.legacy.conversations_v2 import read_message_v2
from hanfleet.control.legacy.fields import Fields, done_with
from hanfleet.control.legacy.oddities import Oddities, quoted
from hanfleet.control.legacy.records import LegacyMessage
from hanfleet.control.legacy.times import read_time
from hanfleet.core.messages import Direction

TEXT_LIMIT = 4096
_USUAL = {"ts", "direction", "text"}
_LATER = {"sender", "content"}
_DIRECTIONS = {"in": Direction.IN, "out": Direction.OUT}


def read_messages(
    document: Any, file: str, oddities: Oddities, now: datetime, *, before: int = 0
) -> list[LegacyMessage]:
    """Every message of one document, in order; ``before`` is how many the file gave already."""
    if isinstance(document, dict) and "messages" in document:
        for key in document.keys() - {"messages"}:
            oddities.keep(file, key, document[key])
        document = document["messages"]
    if isinstance(document, dict) and (document.keys() >= _USUAL or document.keys() >= _LATER):
        document = [document]  # all that is left of a list, or one of many without a list around them
    if not isinstance(document, list):
        oddities.pass_over(file, "", f"no list of messages: {quoted(document)}")
        return []
    messages = []
    seen: set[str] = set()
    for index, values in enumerate(document, before):
        if not isinstance(values, dict):
            oddities.pass_over(file, index, f"no message: {quoted(values)}")
        elif "content" in values or "sender" in values:
            messages.append(read_message_v2(values, file, index, oddities, now, seen))
        else:
            messages.append(_read_message(values, file, index, oddities, now))
    return messages


def _read_message(values: dict[str, Any], file: str, index: int, oddities: Oddities, now: datetime) -> LegacyMessage:
    direction = _DIRECTIONS.get(values["direction"]) if isinstance(values.get("direction"), str) else None
    text, stamp = values.get("text"), values.get("ts")
    if direction is None or type(text) is not str or type(stamp) is not str or values.keys() != _USUAL:
        return _odd_message(values, file, index, oddities, now)
    reading = read_time(stamp, now)
    if reading.odd:
        note_time(reading.odd, stamp, file, index, oddities, kept=reading.at is not None)
    text = checked_text(text, file, index, oddities)
    extra = {"ts": clean_text(stamp)[0]} if reading.at is None else None
    return LegacyMessage(stamp, reading.at, direction, text, extra=extra)


def _odd_message(values: dict[str, Any], file: str, index: int, oddities: Oddities, now: datetime) -> LegacyMessage:
    fields = Fields(values, file, str(index), oddities)
    stamp = fields.take("ts")
    reading = read_time(stamp, now)
    if reading.odd:
        note_time(reading.odd, stamp, file, index, oddities, kept=reading.at is not None)
        fields_stamp = {"ts": stamp} if reading.at is None and stamp is not None else {}
    else:
        fields_stamp = {}
    given = fields.take("direction")
    direction = _DIRECTIONS.get(given) if isinstance(given, str) else None
    if direction is None:
        fields.note(f"no direction: {quoted(given)}", "taken for a message of the contact")
        if given is not None:
            fields_stamp["direction"] = given
    if values.get("text") is None:
        missing = "text is null" if "text" in values else "it is missing"
        fields.note(f"no text: {missing}", "kept as an empty text")
    text = fields.take_text("text", limit=TEXT_LIMIT)
    extra = fields.rest() | fields_stamp
    return LegacyMessage(str(stamp), reading.at, direction or Direction.IN, text, extra=extra or None)


def checked_text(text: str, file: str, index: int, oddities: Oddities) -> str:
    """The text fit to be stored, with a note when it was not, or is longer than Telegram allows."""
    clean, bad = clean_text(text)
    if bad:
        oddities.note(file, index, f"characters that no database keeps: text, {bad}", "replaced by U+FFFD")
    if len(clean) > TEXT_LIMIT:
        reason = f"a text over the limit: text has {len(clean)} characters, more than {TEXT_LIMIT}"
        oddities.note(file, index, reason, done_with(clean))
    return clean


def note_time(odd: str, stamp: Any, file: str, index: int, oddities: Oddities, *, kept: bool) -> None:
    """Say what is odd about a message's time."""
    done = "kept" if kept else "the message keeps its place and has no time; what stood there is kept"
    oddities.note(file, index, f"{odd}: {quoted(stamp)}", done)
