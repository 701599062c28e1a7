"""Old bots' folders: written by hand, and drawn by Hypothesis with everything that can be wrong with them."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

SAMPLE = Path(__file__).parent.parent / "data" / "legacy_sample"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
_START = datetime(2025, 6, 1, 9, 0, tzinfo=UTC)

ENV = """\
# the old bot
TELEGRAM_API_ID=12345
TELEGRAM_API_HASH="0123456789abcdef0123456789abcdef"
export TELEGRAM_PHONE='+15550100'
SESSION_NAME=han_session
ADMIN_CHAT_ID=777
ADMIN_BOT_API_KEY=123:very-secret
OPENAI_API_KEY=sk-secret # ours
OPENAI_TEMPERATURE=0.5
HISTORY_LIMIT=many
WAIT_FOR_MORE_SECONDS=40
LOG_LEVEL=INFO
"""


def stamp(number: int) -> str:
    """The time of the number-th message, as the old bot wrote it."""
    at = _START + timedelta(seconds=37 * number, microseconds=number % 1000)
    return at.isoformat().replace("+00:00", "Z")


def message(number: int, text: str, direction: str = "in") -> dict[str, Any]:
    return {"ts": stamp(number), "direction": direction, "text": text}


def write(path: Path, content: Any) -> Path:
    """``content`` as JSON, or as it is when it is text or bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, str | bytes):
        content = json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_session(path: Path, *, key: bytes = b"k" * 256, odd: str = "") -> None:
    """A session file as Telethon 1.4x makes it; ``odd``: statements that spoil it."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript("""
            CREATE TABLE version (version INTEGER PRIMARY KEY);
            CREATE TABLE sessions (dc_id INTEGER PRIMARY KEY, server_address TEXT, port INTEGER, auth_key BLOB,
                                   takeout_id INTEGER);
            CREATE TABLE entities (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, username TEXT, phone INTEGER, name TEXT,
                                   date INTEGER);
            CREATE TABLE update_state (id INTEGER PRIMARY KEY, pts INTEGER, qts INTEGER, date INTEGER, seq INTEGER);
            INSERT INTO version VALUES (7);
            INSERT INTO entities VALUES (0, 4242, NULL, NULL, NULL, 0), (5, -99, 'ann', 15550101, 'Ann', 0),
                                        (-100, 3, NULL, NULL, 'a group', 0);
            INSERT INTO update_state VALUES (0, 10, 20, 1750000000, 30);""")
        database.execute("INSERT INTO sessions VALUES (2, '149.154.167.50', 443, ?, NULL)", (key,))
        database.executescript(odd)
        database.commit()


# Whatever JSON can hold: NUL, lone surrogates, marks that turn the text round, emoji.
nasty_text = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from(["\x00", "\ud83d", "\udc00", "\u202e", "👩", "\u200d", '"', "\\", "\n"]),
    ),
    max_size=40,
)
_odd_times: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "yesterday", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2025-02-30T00:00:00Z", 1750000000,
     1e400, -5, True, {}, "2031-01-01T00:00:00.000001Z", "2025-06-01T10:00:00", "1969-07-20T20:17:00Z"]
)  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | nasty_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(nasty_text, inner, max_size=3),
    max_leaves=6,
)

# What one row does not hold, or could not be read back from it, each just past its bound or far past it.
_long_text = "ä" * 40_000
deep = json.loads("[" * 99 + "]" * 99)
OVER_BOUNDS: list[Any] = [
    _long_text, deep, {"a": deep}, 10**300 + 1, -(10**4000), 1.5e300, [1e-300] * 4_000, _long_text * 14,
    {f"{number}": _long_text for number in range(15)},
]  # fmt: skip
over_bounds = st.sampled_from(OVER_BOUNDS)


@st.composite
def logs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The messages of one chat; each text is marked, so that each can be found again."""
    messages = []
    for number in range(draw(st.integers(0, 12))):
        text = f"{number}:{draw(nasty_text)}"
        if draw(st.integers(0, 11)) == 0:
            text += _long_text
        values = message(number, text, draw(st.sampled_from(["in", "out"])))
        if draw(st.integers(0, 5)) == 0:
            values["ts"] = draw(_odd_times)
        if draw(st.integers(0, 5)) == 0:
            values["mood"] = draw(anything | over_bounds)
        messages.append(values)
    return messages


def later_plan(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The same talk in the second shape."""
    senders = {"in": "user", "out": "assistant"}
    return {
        "messages": [
            {
                "id": number // 2,
                "timestamp": values["ts"],
                "sender": senders[values["direction"]],
                "content": values["text"],
                "message_type": "text",
            }
            for number, values in enumerate(messages)
        ]
    }
