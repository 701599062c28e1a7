"""A grammar of hostile SQL over the real tables: what Hypothesis makes scripts from. Refuses to be sensible."""

from collections.abc import Sequence
from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.security.tables import PARTITIONED, READABLE, TABLES

_HASHED = ("user_profiles", "conversations", "messages")
RELATIONS = (
    *TABLES,
    *(f"{table}_{part}" for table in _HASHED for part in range(8)),
    *(f"{table}_default" for table in PARTITIONED if table not in _HASHED),
)
_COLUMNS = {name: ("bot_id", *sorted(set(table.row) | table.columns("bots"))) for name, table in TABLES.items()}
ROLES = ("@anna@", "@bots@", "@owner@", "@supervisor@", "@api@", "@provisioner@", "admin", "pg_read_all_data", "PUBLIC")
_ONES = (
    "'anna'",
    "'mallory'",
    "NULL",
    "0",
    "1",
    "now()",
    "'{}'",
    "true",
    "my_bot()",
    "session_user",
    "gen_random_uuid()",
)


def _columns(relation: str) -> Sequence[str]:
    return _COLUMNS.get(relation) or _COLUMNS[relation.rpartition("_")[0]]


# Most often one where there is something to get: a refusal at the door tries nothing that lies behind it.
relations = st.one_of(st.sampled_from(READABLE), st.sampled_from(READABLE), st.sampled_from(RELATIONS))
_roles = st.sampled_from(ROLES)


@cache
def _column(relation: str) -> SearchStrategy[str]:
    return st.sampled_from(_columns(relation))


@st.composite
def _expressions(draw: st.DrawFn, relation: str) -> str:
    column = f"t.{draw(_column(relation))}"
    other = draw(relations)
    return draw(
        st.sampled_from(
            (
                *_ONES,
                column,
                f"{column}::text::integer",  # an error that would quote what it read
                f"(SELECT to_jsonb(o)::text FROM {other} o LIMIT 1)",
                f"(SELECT {draw(_column(other))}::text FROM {other} WHERE bot_id = 'anna' LIMIT 1)",
                f"query_to_xml('SELECT * FROM {other}', true, false, '')::text",
                f"(SELECT string_agg(most_common_vals::text, '') FROM pg_stats WHERE tablename = '{other}')",
                f"pg_notify('hanfleet_desired', {column}::text)",
                "set_config('hanfleet.principal', 'system:supervisor', false)",
                f"has_table_privilege('{other}', 'SELECT')",
                "pg_get_viewdef('pg_stat_activity'::regclass)",
                f"pg_relation_size('{other}')",
            )
        )
    )


@st.composite
def _conditions(draw: st.DrawFn, relation: str) -> str:
    expression, other = draw(_expressions(relation)), draw(relations)
    return draw(
        st.sampled_from(
            (
                "true",
                "t.bot_id = 'anna'",
                "t.bot_id <> 'mallory'",
                f"({expression}) IS NOT NULL",
                f"t.bot_id = 'anna' AND length(({expression})::text) > 0",
                f"EXISTS (SELECT 1 FROM {other} x WHERE x.bot_id = t.bot_id)",
                f"CASE WHEN t.bot_id = 'anna' THEN 1 / (length((t.{draw(_column(relation))})::text) - 1) ELSE 0 END = 0",
            )
        )
    )


@st.composite
def queries(draw: st.DrawFn) -> str:
    relation, other = draw(relations), draw(relations)
    what = draw(st.sampled_from(("*", "t.*", "to_jsonb(t)", "count(*)", "string_agg(t::text, '')")))
    what = draw(st.one_of(st.just(what), _expressions(relation)))
    join = draw(st.sampled_from(("", f" JOIN {other} o ON true", f" LEFT JOIN LATERAL (TABLE {other}) o ON true")))
    tail = draw(
        st.sampled_from(("", " FOR UPDATE", " FOR KEY SHARE", " LIMIT 5", " ORDER BY 1", f" UNION ALL TABLE {other}"))
    )
    return f"SELECT {what} FROM {relation} t{join} WHERE {draw(_conditions(relation))}{tail}"


@st.composite
def writes(draw: st.DrawFn) -> str:
    relation, other = draw(relations), draw(relations)
    column, expression, condition = draw(_column(relation)), draw(_expressions(relation)), draw(_conditions(relation))
    columns = ", ".join(_columns(relation))
    end = draw(st.sampled_from(("", " RETURNING *")))
    return draw(
        st.sampled_from(
            (
                f"UPDATE {relation} t SET {column} = {expression} WHERE {condition}{end}",
                f"UPDATE {relation} t SET {column} = o.{draw(_column(other))} FROM {other} o WHERE {condition}{end}",
                f"DELETE FROM {relation} t WHERE {condition}{end}",
                f"INSERT INTO {relation} SELECT * FROM {other}{end}",
                f'INSERT INTO {relation} SELECT (jsonb_populate_record(t, \'{{"bot_id": "anna"}}\')).* FROM {relation} t{end}',
                f"INSERT INTO {relation} ({columns}) SELECT {columns} FROM {relation} ON CONFLICT DO NOTHING{end}",
                f"INSERT INTO {relation} AS t (bot_id, {column}) VALUES ('anna', {draw(st.sampled_from(_ONES))}) ON CONFLICT DO NOTHING{end}",
                f"MERGE INTO {relation} t USING {other} o ON true WHEN MATCHED THEN UPDATE SET {column} = {expression}",
                f"MERGE INTO {relation} t USING {other} o ON t.bot_id = 'anna' WHEN MATCHED THEN DELETE",
                f"WITH gone AS (DELETE FROM {relation} t WHERE {condition} RETURNING *) SELECT * FROM gone",
                f"TRUNCATE {relation} CASCADE",
            )
        )
    )


@st.composite
def roads(draw: st.DrawFn) -> str:
    """A query by another way than asking it."""
    query = draw(queries())
    quoted = query.replace("'", "''")
    return draw(
        st.sampled_from(
            (
                f"COPY ({query}) TO STDOUT",
                f"COPY ({query}) TO PROGRAM 'cat'",
                f"COPY {draw(relations)} FROM '/etc/hostname'",
                f"EXPLAIN (ANALYZE, VERBOSE, TIMING off) {query}",
                f"PREPARE p AS {query};\nEXECUTE p;\nDEALLOCATE p",
                f"DECLARE c CURSOR WITH HOLD FOR {query};\nFETCH ALL c;\nCLOSE c",
                f"DO $do$ DECLARE r text; BEGIN FOR r IN {query} LOOP RAISE EXCEPTION '%', r; END LOOP; END $do$",
                f"SELECT query_to_xml('{quoted}', true, false, '')",
                f"CREATE TEMP TABLE mine AS {query}",
                f"CREATE VIEW public.mine AS {query}",
                f"CREATE MATERIALIZED VIEW mine AS {query}",
                "SELECT * FROM cursor_to_xml('c', 9, true, false, '')",
            )
        )
    )


@st.composite
def powers(draw: st.DrawFn) -> str:
    """Becoming somebody else, making things, changing what things are."""
    relation, role, column = draw(relations), draw(_roles), "bot_id"
    return draw(
        st.sampled_from(
            (
                f"SET ROLE {role}",
                f"SET SESSION AUTHORIZATION {role}",
                "RESET SESSION AUTHORIZATION",
                "SET row_security = off",
                "SET session_replication_role = replica",
                "SET search_path = pg_temp, public, pg_catalog",
                "SET hanfleet.principal = 'operator:owner'",
                "SET role = 'admin'",
                "SET temp_file_limit = -1",
                "SET work_mem = '1GB'",
                f"GRANT {role} TO @mallory@",
                f"GRANT @mallory@ TO {role}",
                f"GRANT ALL ON {relation} TO @mallory@",
                f"ALTER TABLE {relation} DISABLE ROW LEVEL SECURITY",
                f"ALTER TABLE {relation} OWNER TO @mallory@",
                f"ALTER TABLE {relation} ADD COLUMN x text",
                f"DROP TABLE {relation} CASCADE",
                f"CREATE POLICY mine ON {relation} USING (true)",
                f"DROP POLICY own ON {relation}",
                f"CREATE INDEX ON {relation} ({column})",
                f"CREATE RULE mine AS ON SELECT TO {relation} DO INSTEAD NOTHING",
                f"CREATE TRIGGER mine BEFORE INSERT ON {relation} FOR EACH ROW EXECUTE FUNCTION refuse_undisclosed()",
                f"CREATE STATISTICS mine ON bot_id, id FROM {relation}",
                f"LOCK TABLE {relation} IN ACCESS EXCLUSIVE MODE NOWAIT",
                f"ALTER ROLE {role} PASSWORD 'x'",
                f"ALTER ROLE {role} SUPERUSER",
                "ALTER ROLE @mallory@ BYPASSRLS",
                "ALTER ROLE @mallory@ CONNECTION LIMIT -1",
                f"REASSIGN OWNED BY {role} TO @mallory@",
                f"DROP OWNED BY {role}",
                "SET event_triggers = off",
                "ALTER EVENT TRIGGER keep_policies DISABLE",
                "CREATE TEMP TABLE bot_roles (bot_id text, role_name name)",
                "CREATE FUNCTION pg_temp.my_bot() RETURNS text LANGUAGE sql RETURN 'anna'",
                "CREATE OR REPLACE FUNCTION public.my_bot() RETURNS text LANGUAGE sql RETURN 'anna'",
                "CREATE OPERATOR public.= (leftarg = text, rightarg = text, function = texteq)",
                "CREATE CAST (text AS name) WITH INOUT AS IMPLICIT",
                "CREATE SCHEMA mine",
                "CREATE EXTENSION dblink",
                "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION refuse_undisclosed()",
                f"COMMENT ON TABLE {relation} IS 'x'",
                f"ANALYZE {relation}",
                f"VACUUM {relation}",
                "ALTER DEFAULT PRIVILEGES FOR ROLE @owner@ GRANT ALL ON TABLES TO @mallory@",
                "ALTER SYSTEM SET fsync = off",
                "SELECT claim_lease(1, 'n', 'b', 2, 1, 1e9)",
                "SELECT renew_lease(1, -1e9)",
                "SELECT release_lease(1)",
                "SELECT beat(1, 'running', 'NaN', true, 'infinity', '-infinity', 1, 1, 0, 0, NULL)",
                "SELECT forget_my_session()",
                "LISTEN hanfleet_desired",
                "NOTIFY hanfleet_desired, 'x'",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
                "SELECT pg_advisory_lock(0)",
                "SELECT lo_import('/etc/hostname')",
            )
        )
    )


#: A few statements that one session runs one after another.
scripts = st.lists(st.one_of(queries(), writes(), roads(), powers()), min_size=1, max_size=8)
