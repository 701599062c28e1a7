"""What stops attacks beside the rights on tables: functions, the schema, the database, powers of roles, events.

Entries of `Restriction`, like those that follow from `tables`.
"""

from tests.security.bounds import VALUES
from tests.security.restrictions import Restriction

_CHECKED = ("23514",)
_FOREIGN_READ = "SELECT 1 FROM messages WHERE bot_id = 'anna'"
_BY_A_SETTING = "CREATE OR REPLACE FUNCTION my_bot() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT current_setting('hanfleet.bot', true) $$"
_BY_CURRENT_USER = """
    CREATE OR REPLACE FUNCTION my_bot() RETURNS text LANGUAGE sql STABLE SECURITY INVOKER AS
    $$ SELECT bot_id FROM public.bot_roles WHERE role_name = current_user $$; GRANT SELECT ON bot_roles TO @bots@"""
_WITHOUT_ATOMIC = """
    CREATE OR REPLACE FUNCTION my_bot() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS
    $$ SELECT bot_id FROM bot_roles WHERE role_name = session_user $$"""
_SHADOW = f"SET LOCAL search_path = pg_temp, public;\nCREATE TEMP TABLE bot_roles (bot_id text, role_name name);\nGRANT SELECT ON bot_roles TO PUBLIC;\nINSERT INTO bot_roles VALUES ('anna', '@mallory@');\n{_FOREIGN_READ}"
_ANYBODY = (
    "CREATE OR REPLACE FUNCTION my_bot() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT 'anna' $$"
)
_NAMED = "UPDATE leases SET node = 'n', boot_id = 'b', pid = 2, start_time = 1 WHERE name = 'bot:{bot}'"
_TEMP = "DO $$ BEGIN EXECUTE format('GRANT TEMP ON DATABASE %I TO @bots@', current_database()); END $$"

IDENTITY = [
    Restriction(
        "my_bot() asks session_user, not a setting",
        "calling oneself another bot by a setting",
        f"SET LOCAL hanfleet.bot = 'anna';\n{_FOREIGN_READ}",
        _BY_A_SETTING,
    ),
    Restriction(
        "my_bot() asks session_user, not current_user",
        "calling oneself another bot by SET ROLE",
        f"SET LOCAL ROLE @anna@;\n{_FOREIGN_READ}",
        _BY_CURRENT_USER,
        given="GRANT @anna@ TO @mallory@ WITH SET TRUE",
    ),
    Restriction(
        "my_bot() is BEGIN ATOMIC",
        "a temporary table that stands in for bot_roles",
        _SHADOW,
        _WITHOUT_ATOMIC,
        given=_TEMP,
    ),
    Restriction(
        "no TEMP for bots", "a temporary table that stands in for bot_roles", _SHADOW, _TEMP, given=_WITHOUT_ATOMIC
    ),
    Restriction(
        "no membership in another bot's role",
        "SET ROLE to another bot",
        "SET LOCAL ROLE @anna@",
        "GRANT @anna@ TO @mallory@ WITH SET TRUE",
    ),
    Restriction(
        "no SET ROLE to the bots' group",
        "acting as the group of all bots",
        "SET LOCAL ROLE @bots@",
        "GRANT @bots@ TO @mallory@ WITH SET TRUE",
    ),
    Restriction(
        "no ADMIN of the bots' group",
        "making a friend a bot",
        "GRANT @bots@ TO @anna@",
        "GRANT @bots@ TO @mallory@ WITH ADMIN TRUE",
    ),
    Restriction(
        "claim_lease() asks my_bot()",
        "claiming another bot's lease",
        "SELECT 1 WHERE claim_lease(1, 'n', 'b', 2, 1, 60) IS NOT NULL",
        _ANYBODY,
        given=_NAMED.format(bot="anna"),
    ),
    Restriction(
        "claim_lease() names no holder",
        "a worker that says it lives on another node, where nobody looks for it",
        "SELECT 1 WHERE claim_lease(1, 'elsewhere', 'b', 2, 1, 60) IS NOT NULL",
        """
        CREATE OR REPLACE FUNCTION claim_lease(p_epoch bigint, p_node text, p_boot_id text, p_pid integer,
            p_start_time bigint, p_ttl double precision) RETURNS timestamptz LANGUAGE sql SECURITY DEFINER AS $$
            UPDATE leases SET node = p_node, boot_id = p_boot_id, pid = p_pid, start_time = p_start_time
            WHERE name = 'bot:' || my_bot() RETURNING expires_at $$""",
    ),
    Restriction(
        "renew_lease() asks my_bot()",
        "keeping another bot's lease for ever",
        "SELECT 1 WHERE renew_lease(1, 60) IS NOT NULL",
        _ANYBODY,
        given=_NAMED.format(bot="anna"),
    ),
    Restriction(
        "release_lease() asks my_bot()",
        "throwing another bot's worker out",
        "SELECT 1 WHERE release_lease(1) IS NOT NULL",
        _ANYBODY,
        given="DELETE FROM leases WHERE name <> 'bot:anna'",
    ),
    Restriction(
        "beat() asks my_bot()",
        "telling that another bot is well",
        "SELECT 1 WHERE beat(1, 'running', 0, true, NULL, NULL, 1, 1, 0, 0, NULL)",
        _ANYBODY,
        given="DELETE FROM leases WHERE name <> 'bot:anna'",
    ),
    Restriction(
        "forget_my_session() asks my_bot()",
        "logging another bot out of Telegram",
        "SELECT forget_my_session();\nSELECT 1 FROM sessions WHERE bot_id = 'anna' HAVING count(*) = 0",
        _ANYBODY,
        given="ALTER POLICY own ON sessions USING (true)",
    ),
]

_EVENT = "INSERT INTO events (id, type, version, source, bot_id, seq, data, correlation_id, timestamp, published_at) VALUES (gen_random_uuid(), {type}, 1, {source}, {bot}, {seq}, {data}, gen_random_uuid(), {time}, {published})"
_SOUND = {
    "type": "'user.x'",
    "source": "'worker'",
    "bot": "'mallory'",
    "seq": "9",
    "data": "'{}'",
    "time": "now()",
    "published": "NULL",
}


def _event(name: str, stops: str, rest: str, **wrong: str) -> Restriction:
    """``rest``: the policy without the part that this one is about."""
    return Restriction(
        f"policy own_write on events: {name}",
        stops,
        _EVENT.format(**{**_SOUND, **wrong}),
        f"ALTER POLICY own_write ON events WITH CHECK ({rest})",
    )


EVENTS = [
    _event("own bot", "events in another bot's name", "true", bot="'anna'"),
    _event(
        "families",
        "events of the system, which operators and subscribers believe",
        "bot_id = my_bot()",
        type="'system.supervisor.leader_elected'",
    ),
    _event("source", "events that seem to come from the supervisor", "bot_id = my_bot()", source="'supervisor'"),
    _event("unpublished", "events that count as published and are never seen", "bot_id = my_bot()", published="now()"),
    _event(
        "no errors", "failures of oneself or of others that nobody saw", "bot_id = my_bot()", type="'error.bot.failed'"
    ),
    _event(
        "short types",
        "a type as long as the memory of whoever reads it",
        "bot_id = my_bot()",
        type="'user.' || repeat('x', 99)",
    ),
    _event("objects", "an event on which the relay stumbles for ever", "bot_id = my_bot()", data="'[]'"),
    _event(
        "small data",
        "filling the bus and the relay",
        "bot_id = my_bot()",
        data="(SELECT jsonb_object_agg(gen_random_uuid(), n) FROM generate_series(1, 200) n)",
    ),
    _event(
        "small text",
        "data that jsonb keeps in a few bytes and the relay reads as thousands",
        "bot_id = my_bot()",
        data="""('{"a": "' || repeat('x', 5000) || '"}')::jsonb""",
    ),
    _event(
        "readable numbers",
        "a number on which the relay ends, and the supervisor with it",
        "bot_id = my_bot()",
        data="""'{"a": 1e2000}'""",
    ),
    _event(
        "no depths",
        "data so deep that the relay ends, and the supervisor with it",
        "bot_id = my_bot()",
        data="""('{"a": ' || repeat('[', 1500) || repeat(']', 1500) || '}')::jsonb""",
    ),
    _event(
        "readable times",
        "a time that the relay cannot read, so that no event goes out any more",
        "bot_id = my_bot()",
        time="'4000-01-01 BC'",
    ),
    _event(
        "no past",
        "events that retention never drops, for no month holds them",
        "bot_id = my_bot()",
        time="now() - interval '25 hours'",
    ),
    _event(
        "no future",
        "a time for which no partition will ever be made",
        "bot_id = my_bot()",
        time="now() + interval '2 hours'",
    ),
    Restriction(
        "policy relay on events",
        "a captured relay that reads what happened before",
        "SELECT 1 FROM events",
        "ALTER POLICY relay ON events USING (true)",
        role="relay",
        given="UPDATE events SET published_at = now()",
    ),
    Restriction(
        "policy relay_locks on events",
        "a captured relay that locks what happened before against erasure",
        "SELECT 1 FROM events FOR UPDATE",
        "ALTER POLICY relay_locks ON events USING (true)",
        role="relay",
        given="UPDATE events SET published_at = now(); ALTER POLICY relay ON events USING (true)",
    ),
]

_BEAT = "SELECT beat(1, 'running', {lag}, true, {seen}, {waiting}, 1, 1, 0, 0, NULL)"
BOUNDS = [
    Restriction(
        "check readable_times on heartbeats",
        "a time that nobody can read back, so that nobody is supervised any more",
        _BEAT.format(lag="0", seen="'4000-01-01 BC'", waiting="NULL"),
        "ALTER TABLE heartbeats DROP CONSTRAINT readable_times",
        refused=_CHECKED,
    ),
    Restriction(
        "check readable_numbers on heartbeats",
        "a number that is none, on which the answers of the API break",
        _BEAT.format(lag="'NaN'", seen="NULL", waiting="NULL"),
        "ALTER TABLE heartbeats DROP CONSTRAINT readable_numbers",
        refused=_CHECKED,
    ),
    Restriction(
        "check readable_times on leases",
        "a lease that nobody can read back, so that nobody is supervised any more",
        "SELECT renew_lease(1, -1e11)",
        "ALTER TABLE leases DROP CONSTRAINT readable_times",
        refused=_CHECKED,
        given=_NAMED.format(bot="mallory"),
    ),
    Restriction(
        "trigger small_steps on bot_counters",
        "a counter at its end: no change of the bot's state could be written, and nobody could stop it",
        "UPDATE bot_counters SET event_seq = 9223372036854775807",
        "ALTER TABLE bot_counters DISABLE TRIGGER small_steps",
        refused=_CHECKED,
    ),
]

SCHEMA = [
    Restriction(
        "no CREATE on schema public",
        "a table or function of one's own, to stand in for another",
        "CREATE TABLE public.mine ()",
        "GRANT CREATE ON SCHEMA public TO @bots@",
    ),
    Restriction(
        "no CREATE on the database",
        "a schema of one's own",
        "CREATE SCHEMA mine",
        "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO @bots@', current_database()); END $$",
    ),
    Restriction(
        "default privileges: no EXECUTE for PUBLIC",
        "calling a definer function that a later migration adds",
        "SELECT later_power()",
        "ALTER DEFAULT PRIVILEGES FOR ROLE @owner@ GRANT EXECUTE ON FUNCTIONS TO PUBLIC; DROP FUNCTION later_power(); SET LOCAL ROLE @owner@; CREATE FUNCTION later_power() RETURNS integer LANGUAGE sql RETURN 1; RESET ROLE",
        given="SET LOCAL ROLE @owner@; CREATE FUNCTION later_power() RETURNS integer LANGUAGE sql RETURN 1; RESET ROLE",
    ),
    Restriction(
        "event trigger keep_policies",
        "taking away the policies by which all bots read and write: a bot has the privileges of their group",
        "SET LOCAL client_min_messages = error;\nDROP OWNED BY @bots@;\n"
        "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM pg_policies WHERE policyname = 'own')",
        "DROP EVENT TRIGGER keep_policies",
    ),
    Restriction(
        "trigger disclosure_first",
        "sending a message to somebody who was not told that it is an AI",
        "UPDATE outbox SET state = 'sent', sent_at = now()",
        "ALTER TABLE outbox DISABLE TRIGGER disclosure_first",
        refused=_CHECKED,
    ),
    *(
        Restriction(f"no {power} of bots' roles", stops, attack, f"ALTER ROLE @mallory@ {power}")
        for power, stops, attack in (
            ("SUPERUSER", "everything", _FOREIGN_READ),
            ("BYPASSRLS", "reading past every policy", _FOREIGN_READ),
            ("CREATEROLE", "a role that nobody watches", "CREATE ROLE friend_of_mallory"),
        )
    ),
    *(
        Restriction(f"no membership in {role}", stops, attack, f"GRANT {role} TO @mallory@")
        for role, stops, attack in (
            ("pg_read_all_data", "reading what no row policy guards", "SELECT 1 FROM bot_roles"),
            ("pg_write_all_data", "writing what no row policy guards", "UPDATE installation SET install_id = 'x'"),
            ("pg_maintain", "a lock on every table", "LOCK TABLE messages IN ACCESS EXCLUSIVE MODE"),
            ("pg_checkpoint", "slowing everybody by checkpoints", "CHECKPOINT"),
            ("pg_write_server_files", "writing files as the server", "COPY (SELECT 1) TO '/dev/null'"),
            (
                "pg_execute_server_program",
                "running programs as the server",
                "COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'",
            ),
            (
                "pg_read_all_settings",
                "reading where the server keeps its files",
                "SELECT current_setting('data_directory')",
            ),
            (
                "pg_signal_backend",
                "ending other bots' sessions",
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = '@anna@' AND pid <> pg_backend_pid()",
            ),
        )
    ),
    Restriction(
        "no membership in pg_read_server_files",
        "reading the server's files",
        "CREATE TEMP TABLE stolen (line text);\nCOPY stolen FROM 'PG_VERSION'",
        "GRANT pg_read_server_files TO @mallory@",
        given=_TEMP,
    ),
    Restriction(
        "no membership in pg_read_all_stats",
        "reading the statements of others",
        "SELECT 1 FROM pg_stat_activity WHERE usename = '@anna@' AND query LIKE 'SELECT%'",
        "GRANT pg_read_all_stats TO @mallory@",
    ),
    Restriction(
        "no right to set temp_file_limit",
        "filling the disk with temporary files",
        "SET LOCAL temp_file_limit = -1",
        "GRANT SET ON PARAMETER temp_file_limit TO @mallory@",
    ),
    Restriction(
        "no right to set log_min_messages",
        "filling the disk, and the server's log with what people wrote",
        "SET LOCAL log_min_messages = debug5",
        "GRANT SET ON PARAMETER log_min_messages TO @mallory@",
    ),
    *(
        Restriction(
            f"no EXECUTE on {name}()",
            "asking who operates the fleet",
            f"SELECT {name}()",
            f"GRANT EXECUTE ON FUNCTION {name}() TO @bots@",
        )
        for name in ("principal_sees_all", "principal_bots", "principal_manages_operators")
    ),
    *(
        Restriction(
            f"no EXECUTE on {name}()",
            stops,
            f"SET LOCAL hanfleet.principal = 'system:forged';\nSELECT {name}('anna', 1)",
            f"GRANT EXECUTE ON FUNCTION {name}(text, bigint) TO @bots@",
        )
        for name, stops in (
            ("contact_rows", "reading all that is held about another bot's contact"),
            ("erase_contact_rows", "erasing another bot's contact"),
        )
    ),
    Restriction(
        "no EXECUTE on contact_tables()",
        "asking where contacts are kept",
        "SELECT contact_tables()",
        "GRANT EXECUTE ON FUNCTION contact_tables() TO @bots@",
    ),
    Restriction(
        "no EXECUTE on search_messages()",
        "finding another bot's messages by their words",
        "SELECT search_messages('anna', 'planted', 10, NULL)",
        "GRANT EXECUTE ON FUNCTION search_messages(text, text, integer, uuid) TO @bots@;"
        " SET LOCAL hanfleet.principal = 'system:any'",
    ),
    Restriction(
        "no EXECUTE on drop_old_months()",
        "dropping what happened in the fleet",
        "SELECT drop_old_months('events', now())",
        "GRANT EXECUTE ON FUNCTION drop_old_months(text, timestamptz, integer) TO @bots@",
    ),
    Restriction(
        "no EXECUTE on mark_published()",
        "events of others that count as published and are never seen",
        "SELECT mark_published('{}', '{}', now())",
        "GRANT EXECUTE ON FUNCTION mark_published(timestamptz[], uuid[], timestamptz) TO @bots@",
    ),
    Restriction(
        "no EXECUTE on ensure_month_partitions()",
        "making partitions at will",
        "SELECT ensure_month_partitions()",
        "GRANT EXECUTE ON FUNCTION ensure_month_partitions() TO @bots@",
    ),
    *(
        Restriction(
            f"no EXECUTE on {name}()",
            stops,
            f"SELECT {name}({arguments})",
            f"GRANT EXECUTE ON FUNCTION {name}, audit_config TO @bots@",  # audit_view calls it as its caller
        )
        for name, arguments, stops in (
            ("audit_append", "'fleet', 'operator:olga', 'insert', 'x', 'x', 'x', '{}', '{}', 'x'", "forging an entry"),
            ("audit_note", "'insert', 'x', 'anna', 'x', '{}', '{}'", "filling the audit trail with what never was"),
            ("drop_old_audit", "90", "having the audit trail dropped at will"),
            ("audit_view", "'{}', '', '', ''", "using up the server with what only triggers need"),
            ("audit_config", "'{}'", "using up the server with what only triggers need"),
            ("audit_difference", "'{}', '{}', '{}'", "using up the server with what only triggers need"),
        )
    ),
]


def _function(signature: str, stops: str, attack: str, *also: str) -> Restriction:
    functions = ", ".join((signature, *also))
    return Restriction(f"no EXECUTE on {signature}", stops, attack, f"GRANT EXECUTE ON FUNCTION {functions} TO @bots@")


_LOCKS = "holding up whoever relies on advisory locks"
_KEYS = {"bigint": "7", "integer,integer": "7, 7"}
ADVISORY = [
    _function(f"pg_{kind}({keys})", _LOCKS, f"SELECT pg_{kind}({_KEYS[keys]})")
    for kind in (
        *(
            f"{attempt}advisory_{span}lock{shared}"
            for attempt in ("", "try_")
            for span in ("", "xact_")
            for shared in ("", "_shared")
        ),
        "advisory_unlock",
        "advisory_unlock_shared",
    )
    for keys in _KEYS
] + [_function("pg_advisory_unlock_all()", _LOCKS, "SELECT pg_advisory_unlock_all()")]

_FLOODING = "flooding the log of the server, and with it the disk, at a hundred megabytes per statement"
BARE_LOG = [
    _function(
        f"pg_logical_emit_message(boolean,text,{content},boolean)",
        _FLOODING,
        f"SELECT pg_logical_emit_message(false, 'x', 'y'::{content})",
    )
    for content in ("text", "bytea")
]

_FILLING = "filling the disk with objects that belong to no table"
_READING = "reading objects past every row policy"
_NEW = "lo_from_bytea(0, 'x')"
_STANDING = "SELECT lo_from_bytea(424242, 'x')"
_OPEN = f"lo_open({_NEW}, 393216)"
_MAKE = ("lo_from_bytea(oid,bytea)", "lo_open(oid,integer)")
LARGE_OBJECTS = [
    _function("lo_create(oid)", _FILLING, "SELECT lo_create(0)"),
    _function("lo_creat(integer)", _FILLING, "SELECT lo_creat(-1)"),
    _function("lo_from_bytea(oid,bytea)", _FILLING, f"SELECT {_NEW}"),
    _function("lo_open(oid,integer)", _READING, f"SELECT {_OPEN}", *_MAKE),
    _function("lo_close(integer)", _READING, f"SELECT lo_close({_OPEN})", *_MAKE),
    _function("loread(integer,integer)", _READING, f"SELECT loread({_OPEN}, 1)", *_MAKE),
    _function("lowrite(integer,bytea)", _FILLING, f"SELECT lowrite({_OPEN}, 'y')", *_MAKE),
    _function("lo_get(oid)", _READING, f"{_STANDING};\nSELECT lo_get(424242)", *_MAKE),
    _function("lo_get(oid,bigint,integer)", _READING, f"{_STANDING};\nSELECT lo_get(424242, 0, 1)", *_MAKE),
    _function("lo_put(oid,bigint,bytea)", _FILLING, f"SELECT lo_put({_NEW}, 0, 'y')", *_MAKE),
    _function("lo_tell(integer)", _READING, f"SELECT lo_tell({_OPEN})", *_MAKE),
    _function("lo_tell64(integer)", _READING, f"SELECT lo_tell64({_OPEN})", *_MAKE),
    _function("lo_lseek(integer,integer,integer)", _READING, f"SELECT lo_lseek({_OPEN}, 0, 0)", *_MAKE),
    _function("lo_lseek64(integer,bigint,integer)", _READING, f"SELECT lo_lseek64({_OPEN}, 0, 0)", *_MAKE),
    _function("lo_truncate(integer,integer)", _FILLING, f"SELECT lo_truncate({_OPEN}, 9)", *_MAKE),
    _function("lo_truncate64(integer,bigint)", _FILLING, f"SELECT lo_truncate64({_OPEN}, 9)", *_MAKE),
    _function("lo_unlink(oid)", "deleting objects of others", f"SELECT lo_unlink({_NEW})", *_MAKE),
]

POWERS = [*IDENTITY, *EVENTS, *BOUNDS, *VALUES, *SCHEMA, *ADVISORY, *BARE_LOG, *LARGE_OBJECTS]
