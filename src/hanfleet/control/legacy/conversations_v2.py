"""Messages of the later plan: {id, timestamp, sender, content, message_type}."""

from datetime import datetime
from typing import Any

from hanfleet.control.legacy.fields import Fields
from hanfleet.control.legacy.oddities import Oddities, quoted
from hanfleet.control.legacy.records import LegacyMessage
from hanfleet.control.legacy.times import read_time
from hanfleet.core.messages import Direction, MediaKind

TEXT_LIMIT = 4096
_OURS = {"bot", "assistant", "me", "self", "out", "outgoing", "ai", "han"}
_THEIRS = {"user", "contact", "girl", "in", "incoming", "human", "them", "her"}
_MEDIA = {"text": MediaKind.NONE, "photo": MediaKind.PHOTO, "image": MediaKind.PHOTO, "voice": MediaKind.VOICE}


def read_message_v2(
    values: dict[str, Any], file: str, index: int, oddities: Oddities, now: datetime, seen: set[str]
) -> LegacyMessage:
    """One message; ``seen`` are the ids that the file gave before."""
    fields = Fields(values, file, str(index), oddities)
    extra: dict[str, Any] = {}
    number = fields.take("id")
    if number is None:
        fields.note("no id", "kept in its place")
    else:
        extra["id"] = number
        if str(number) in seen:
            fields.note(f"the same id twice: {quoted(number)}", "both kept")
        seen.add(str(number))
    stamp = fields.take("timestamp")
    reading = read_time(stamp, now)
    if reading.odd:
        kept = reading.at is not None
        fields.note(f"{reading.odd}: {quoted(stamp)}", "kept" if kept else "it has no time; what stood there is kept")
        if not kept and stamp is not None:
            extra["timestamp"] = stamp
    sender = fields.take("sender")
    kind = fields.take("message_type")
    if kind is not None:
        extra["message_type"] = kind
    if values.get("content") is None:
        missing = "content is null" if "content" in values else "it is missing"
        fields.note(f"no text: {missing}", "kept as an empty text")
    text = fields.take_text("content", limit=TEXT_LIMIT)
    direction = _direction(sender, fields)
    if sender is not None:
        extra["sender"] = sender
    media = _MEDIA.get(kind, MediaKind.OTHER) if isinstance(kind, str) else MediaKind.NONE
    return LegacyMessage(str(stamp), reading.at, direction, text, media, fields.rest() | extra or None)


def _direction(sender: Any, fields: Fields) -> Direction:
    word = str(sender).strip().lower()
    if word in _OURS:
        return Direction.OUT
    if word not in _THEIRS and not word.lstrip("-").isdigit():
        fields.note(f"no direction: sender is {quoted(sender)}", "taken for a message of the contact")
    return Direction.IN
