"""Bounds on values that a bot may write in its own rows: what others read of them must be readable and of sane size.

Entries of `Restriction`, one for each constraint; `test_bounds` asks the catalog whether each column has one.
"""

from tests.security.restrictions import Restriction

#: What no reader in Python takes: times outside its calendar, numbers and depths outside its limits.
POISONS = {
    "timestamp with time zone": ("4000-01-01 BC", "infinity", "-infinity"),
    "jsonb": ({"a": "@huge@"}, {"a": "@deep@"}),
    "double precision": ("NaN", "Infinity"),
    "integer": (-1,),
    "bigint": (-1,),
}
#: Telegram's own numbers, which may be negative; and counters, which nobody inserts and a trigger guards.
NEGATIVE_TOO = {"chat_id", "entity_id", "random_id", "pts", "qts", "seq", "event_seq", "outbox_seq"}
#: What else a row must say so that this column may have a value at all.
_COMPANIONS = {
    "outbox.sent_at": '{"state": "sent", "kind": "disclosure"}',
    "schedules.settled_at": '{"state": "done"}',
    "sessions.date": '{"pts": 1, "qts": 1, "seq": 1}',
}
_STOPS = {
    "readable_times": "a time that nobody can read back, on which start, restore and lists of operators break",
    "bounded_sizes": "filling what operators list",
    "readable_data": "a number that nobody can read back, on which start, restore and exports break",
    "possible_values": "a number that cannot be, on which counts, limits and the order of the talk go wrong",
}
#: One column of each constraint, to attack by.
_TIMES = {
    "sessions": "updated_at",
    "user_profiles": "created_at",
    "conversations": "reply_due_at",
    "messages": "created_at",
    "turns": "created_at",
    "outbox": "not_before",
    "facts": "learned_at",
    "summaries": "created_at",
    "schedules": "due_at",
}
_SIZES = {
    "sessions": "server_address",
    "session_entities": "name",
    "user_profiles": "name",
    "conversations": "response_id",
    "messages": "text",
    "turns": "reason",
    "outbox": "error",
    "facts": "fact",
    "summaries": "summary",
}
_NUMBERS = {
    "sessions": "port",
    "user_profiles": "message_count",
    "conversations": "answered_through",
    "messages": "telegram_id",
    "turns": "model_ms",
    "outbox": "attempts",
}


def poisoned(value: object) -> str:
    """``value`` of `POISONS` as an expression of type jsonb."""
    if isinstance(value, int):
        return f"'{value}'::jsonb"
    if isinstance(value, dict):
        return {
            "@huge@": """'{"a": 1e5000}'::jsonb""",
            "@deep@": """('{"a": ' || repeat('[', 1500) || repeat(']', 1500) || '}')::jsonb""",
        }[value["a"]]
    return f"""'"{value}"'::jsonb"""


def poisoning(table: str, column: str, value: str) -> str:
    """The insertion of mallory's row with ``value``, an expression of type jsonb, in ``column``."""
    companions = _COMPANIONS.get(f"{table}.{column}", "{}")
    row = f"'@row@' || '{companions}'::jsonb || jsonb_build_object('{column}', {value})"
    return f"INSERT INTO {table} (@columns@) SELECT @columns@ FROM jsonb_populate_record(NULL::public.{table}, {row})"


def _bound(constraint: str, table: str, column: str, value: str) -> Restriction:
    return Restriction(
        f"check {constraint} on {table}",
        _STOPS[constraint],
        poisoning(table, column, value),
        f"ALTER TABLE {table} DROP CONSTRAINT {constraint}",
        given=f"SET LOCAL session_replication_role = replica; DELETE FROM {table}; GRANT INSERT ON {table} TO @bots@",
        table=table,
        refused=("23514",),
    )


def _metric(part: str, stops: str, rest: str, **wrong: str) -> Restriction:
    """``rest``: the policy without the part that this one is about."""
    values = {"bot": "'mallory'", "name": "'x'", "value": "1", "time": "now()", **wrong}
    return Restriction(
        f"policy own on metrics_data, for inserts: {part}",
        stops,
        "INSERT INTO metrics_data (bot_id, name, value, timestamp) VALUES ({bot}, {name}, {value}, {time})".format(
            **values
        ),
        f"ALTER POLICY own ON metrics_data WITH CHECK ({rest})",
    )


VALUES = [
    *(_bound("readable_times", table, column, poisoned("4000-01-01 BC")) for table, column in _TIMES.items()),
    *(_bound("bounded_sizes", table, column, "to_jsonb(repeat('x', 65537))") for table, column in _SIZES.items()),
    _bound("readable_data", "user_profiles", "profile_data", poisoned({"a": "@huge@"})),
    *(_bound("possible_values", table, column, poisoned(-1)) for table, column in _NUMBERS.items()),
    _metric("own bot", "numbers in another bot's name", "true", bot="'anna'"),
    _metric(
        "of now", "a number of a month that then cannot be made", "bot_id = my_bot()", time="now() + interval '70 days'"
    ),
    _metric("numbers", "a number that is none, on which answers of the API break", "bot_id = my_bot()", value="'NaN'"),
    _metric("short names", "filling what operators list", "bot_id = my_bot()", name="repeat('x', 201)"),
]
