"""What does not fit into a row: a text is cut there, a profile loses its oldest parts, and all of it is kept elsewhere.

The one place that compares old values with the store's bounds. What is cut stays whole with the import.
"""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hanfleet.control.legacy.cleaning import clean_json
from hanfleet.control.legacy.oddities import Oddities
from hanfleet.control.legacy.records import LegacyProfile
from hanfleet.store.bounds import MOST_PROFILE_BYTES, MOST_TEXT_BYTES

_LONGEST_CHARACTER = 4  # bytes of UTF-8


def fitting(text: str) -> str:
    """As much of ``text`` from its beginning as a row holds; most texts are given back as they are."""
    if len(text) * _LONGEST_CHARACTER <= MOST_TEXT_BYTES:
        return text
    encoded = text.encode()
    return text if len(encoded) <= MOST_TEXT_BYTES else encoded[:MOST_TEXT_BYTES].decode(errors="ignore")


def fits(text: str) -> bool:
    """Whether a row holds all of it."""
    return fitting(text) == text


def fitting_name(name: str, file: str, whose: str, oddities: Oddities) -> str:
    """``name``, cut where it does not fit, and then kept whole with the import."""
    if not fits(name):
        oddities.keep(file, f"name of {whose}", name, reason="a name over what a row holds")
    return fitting(name)


def fitting_profile(profile: LegacyProfile, oddities: Oddities) -> LegacyProfile:
    """``profile`` as a row holds it; what it loses is kept with the import, unknown fields and old snapshots first."""
    whose = f"chat {profile.chat_id}"
    name = fitting_name(profile.name, profile.file, whose, oddities)
    # Field by field it was clean, but inside of one another they may lie too deep.
    data, bad = clean_json(profile.data)
    if bad:
        reason = f"values that no database keeps: {'; '.join(bad)}"
        oddities.note(profile.file, profile.record, reason, "replaced by U+FFFD or a text")
    over = _stored_bytes(data) - MOST_PROFILE_BYTES
    if over > 0:
        kept, aside = _parted(data, over)
        reason = f"a profile {over} bytes over what a row holds"
        oddities.keep(profile.file, f"profile of {whose}", aside, reason=reason)
        data = kept
    return replace(profile, name=name, data=data)


def _parted(data: dict[str, Any], over: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what fits, the rest): ``over`` bytes or more go, by part and in it from the oldest time that names an entry."""
    kept = {part: dict(entries) for part, entries in data.items()}
    aside: dict[str, Any] = {}
    for part in sorted(kept, key=lambda name: (name != "legacy", name)):
        for key in sorted(kept[part]):
            if over <= 0:
                return kept, aside
            # Without the braces; the comma is left to be safe.
            over -= _stored_bytes({key: kept[part][key]}) - 2
            aside.setdefault(part, {})[key] = kept[part].pop(key)
    return kept, aside


def _stored_bytes(value: Any) -> int:
    """No fewer than the bytes of ``value`` as jsonb writes it: like Python, but for numbers, which it writes out."""
    written = json.dumps(json.loads(json.dumps(value), parse_float=_written_out), ensure_ascii=False)
    return len(written.encode())


def _written_out(number: str) -> str:
    return format(Decimal(number), "f")
