"""What PL/pgSQL functions ask of the large tables is found by an index, in one partition, at 1,000,000 messages.

Their statements are strings until they run, so each function is run, and auto_explain tells how. A function that is new
has to be named here; those of SQL are looked at in test_query_plans.py.
"""

import json
from typing import Any

import pytest

from tests.support.database import Database
from tests.support.planning import BOT, BY_HASH, BY_TIME, faults, nodes, put_statistics

_CHAT = 101300
_COST_LIMIT = 1_000
#: Tables and functions. Exporting and erasing a contact look through all events of one bot, and through its outbox; both
#: are rare. A search looks at as many rows as hold the words.
_COSTLY = {"events": 15_000, "outbox": 15_000, "search_messages": 10_000}
_OUTBOX = "bot_id, id, chat_id, part, position, kind, text, random_id, state, created_at"
#: How each is run.
_RUNS = {
    "contact_rows": f"SELECT contact_rows('{BOT}', {_CHAT}); CLOSE ALL",
    "erase_contact_rows": f"SELECT erase_contact_rows('{BOT}', {_CHAT})",
    "refuse_undisclosed": f"INSERT INTO outbox ({_OUTBOX}) VALUES"
    f" ('{BOT}', gen_random_uuid(), {_CHAT}, 0, 0, 'reply', '', 1, 'sending', now())",
    # So many that it looks in all three ways.
    "search_messages": f"""
        SET LOCAL session_replication_role = replica;
        INSERT INTO messages (bot_id, id, chat_id, direction, author, text, created_at)
            SELECT '{BOT}', gen_random_uuid(), {_CHAT}, 'in', 'contact', 'hello', now() FROM generate_series(1, 20001);
        SET LOCAL session_replication_role = DEFAULT;
        SELECT search_messages('{BOT}', 'boat', 20, NULL)""",
    "audit_append": f"SELECT audit_note('update', 'bot', '{BOT}', 'x', NULL, NULL)",
}
#: The least that each must have been seen to look into.
_LOOKS_INTO = {
    "contact_rows": {"messages", "user_profiles", "conversations", "events"},
    "erase_contact_rows": {"messages", "user_profiles", "conversations", "events"},
    "refuse_undisclosed": {"user_profiles"},
    "search_messages": {"messages"},
    "audit_append": {"audit"},
}
#: Those that are not run, and why.
_BY_DESIGN = {
    "drop_old_audit": "reads what is too old as a whole, once a day",
    "drop_old_months": "reads and drops whole months, once a day",
    "ensure_month_partitions": "reads the catalogue",
}


@pytest.fixture
async def admin(database: Database) -> Any:
    await database.add_bot(BOT)
    connection = await database.connect()
    await connection.execute(f"""
        INSERT INTO user_profiles (bot_id, id, chat_id, disclosed_at, created_at)
            VALUES ('{BOT}', gen_random_uuid(), {_CHAT}, now(), now());
        INSERT INTO conversations (bot_id, id, chat_id, timestamp) VALUES ('{BOT}', gen_random_uuid(), {_CHAT}, now());
        SET LOCAL session_replication_role = replica;
        INSERT INTO messages (bot_id, id, chat_id, direction, author, text, created_at)
            VALUES ('{BOT}', gen_random_uuid(), {_CHAT}, 'in', 'contact', 'hello', now());""")
    await put_statistics(connection)
    await connection.execute("""
        LOAD 'auto_explain';
        SET auto_explain.log_nested_statements = on; SET auto_explain.log_min_duration = 0;
        SET auto_explain.log_format = json; SET auto_explain.log_level = notice; SET hanfleet.principal = 'system:test'""")
    return connection


def _relations(tree: dict[str, Any]) -> set[str]:
    return {node["Relation Name"] for node in nodes(tree) if "Relation Name" in node}


async def _complaints(admin: Any, name: str) -> tuple[list[str], set[str]]:
    """What is wrong inside of one function, and the tables that it looked into. Nothing of it stays."""
    rows = await admin.fetch(
        "SELECT inhrelid::regclass::text AS part, inhparent::regclass::text AS parent FROM pg_inherits"
    )
    parents = {row["part"]: row["parent"] for row in rows}
    told: list[str] = []

    def listen(_connection: Any, message: Any) -> None:
        told.append(message.message)

    admin.add_log_listener(listen)
    found: list[str] = []
    seen: set[str] = set()
    try:
        for mode in ("force_generic_plan", "force_custom_plan"):
            told.clear()
            await admin.execute(f"DISCARD PLANS; BEGIN; SET LOCAL plan_cache_mode = {mode}; {_RUNS[name]}")
            await admin.execute("ROLLBACK")
            for message in told:
                _, is_plan, written = message.partition("plan:\n")
                if is_plan:
                    explained = json.loads(written)
                    text = " ".join(explained["Query Text"].split())
                    read = {parents.get(relation, relation) for relation in _relations(explained["Plan"])}
                    if all(relation.startswith("pg_") for relation in read):
                        continue  # what the catalogs cost depends on how many tests the server has seen
                    limit = max((_COSTLY[each] for each in (read | {name}) & _COSTLY.keys()), default=_COST_LIMIT)
                    seen |= read
                    found += [
                        f"{name}, {mode}: it {fault}: {text}"
                        for fault in faults(explained["Plan"], parents, cost_limit=limit)
                    ]
    finally:
        admin.remove_log_listener(listen)
    return found, seen


async def test_every_function_is_looked_into(admin: Any) -> None:
    tables = "|".join((*BY_HASH, *BY_TIME))
    rows = await admin.fetch(
        "SELECT proname::text AS name FROM pg_proc JOIN pg_language l ON l.oid = prolang"
        " WHERE pronamespace = 'public'::regnamespace AND prosqlbody IS NULL AND lanname IN ('plpgsql', 'sql')"
        r" AND (prosrc ~ ('\m(FROM|JOIN|UPDATE|INTO|USING)\s+(ONLY\s+)?(public\.)?(' || $1 || ')\M') OR prosrc ~ 'EXECUTE')",
        tables,
    )
    assert {row["name"] for row in rows} == _RUNS.keys() | _BY_DESIGN.keys()


@pytest.mark.parametrize("name", _RUNS)
async def test_it_finds_its_rows_by_an_index_in_one_partition(admin: Any, name: str) -> None:
    complaints, seen = await _complaints(admin, name)
    assert not complaints, "\n".join(complaints)
    assert seen >= _LOOKS_INTO[name]


async def test_a_missing_index_or_bot_is_noticed(admin: Any) -> None:
    body = await admin.fetchval("SELECT pg_get_functiondef('refuse_undisclosed'::regproc)")
    await admin.execute(body.replace("bot_id = NEW.bot_id AND ", ""))
    await admin.execute("DROP INDEX messages_talk; DROP INDEX messages_telegram")
    complaints, _ = await _complaints(admin, "refuse_undisclosed")
    assert any("looks into 8 parts of user_profiles" in complaint for complaint in complaints), complaints
    for name in ("contact_rows", "erase_contact_rows"):
        complaints, _ = await _complaints(admin, name)
        assert any("public.messages t WHERE" in one or "public.messages WHERE" in one for one in complaints), complaints
