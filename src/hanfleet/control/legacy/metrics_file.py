"""metrics.json: the history becomes rows of numbers; what is no number of a known moment is kept as it is."""

from datetime import datetime
from typing import Any

from hanfleet.control.legacy.cleaning import clean_json, clean_text
from hanfleet.control.legacy.oddities import Oddities, quoted
from hanfleet.control.legacy.records import LegacyMetric
from hanfleet.control.legacy.times import read_time
from hanfleet.store.bounds import GREATEST_NUMBER, LONGEST_METRIC_NAME

PREFIX = "legacy."


def read_metrics(document: Any, file: str, oddities: Oddities, now: datetime) -> tuple[list[LegacyMetric], Any]:
    """(rows, what else there was). Times without a zone are UTC, as the old bot's were."""
    if not isinstance(document, dict):
        oddities.note(file, "", f"no metrics: {quoted(document)}", "kept")
        return [], clean_json(document)[0]
    left = dict(document)
    history = left.pop("history", [])
    if not isinstance(history, list):
        oddities.note(file, "history", f"no list: {quoted(history)}", "kept")
        left["history"], history = history, []
    rows: list[LegacyMetric] = []
    odd_entries = []
    seen: set[LegacyMetric] = set()
    for index, entry in enumerate(history):
        found = _rows(entry, now)
        if found is None:
            oddities.note(file, f"history {index}", f"no metrics of a moment: {quoted(entry)}", "kept")
            odd_entries.append(entry)
            continue
        if seen.issuperset(found):
            oddities.note(file, f"history {index}", "the same metrics twice", "kept once")
        rows += [row for row in found if row not in seen]
        seen.update(found)
    if odd_entries:
        left["history"] = odd_entries
    _note_start(left.get("current"), file, oddities, now)
    kept, bad = clean_json(left)
    if bad:
        oddities.note(file, "", f"values that no database keeps: {'; '.join(bad)}", "replaced by U+FFFD or a text")
    return rows, kept


def _note_start(current: Any, file: str, oddities: Oddities, now: datetime) -> None:
    """Seconds since 1970 are how the old bot wrote when it started."""
    started = current.get("start_time") if isinstance(current, dict) else None
    odd = "" if started is None else read_time(started, now).odd
    if odd not in ("", "a time in seconds"):
        oddities.note(file, "current", f"{odd}: start_time is {quoted(started)}", "kept")


def _rows(entry: Any, now: datetime) -> list[LegacyMetric] | None:
    if not isinstance(entry, dict) or not isinstance(values := entry.get("metrics"), dict):
        return None
    if entry.keys() != {"timestamp", "metrics"}:
        return None
    at = read_time(entry["timestamp"], now)
    # A row in the future would keep that month's partition from being made.
    if at.at is None or at.odd not in ("", "a time without a zone"):
        return None
    rows = []
    for name, value in values.items():
        full_name = PREFIX + clean_text(name)[0]
        if len(full_name) > LONGEST_METRIC_NAME:
            return None
        if not isinstance(value, bool | int | float) or not abs(value) <= GREATEST_NUMBER:  # NaN is not, either
            return None
        rows.append(LegacyMetric(full_name, float(value), at.at))
    return rows
