"""Whatever SQL a bot's own role runs, nothing of another bot comes out and nothing of it changes."""

import io
import itertools
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
from asyncpg.exceptions import InterfaceError, PostgresError
from hypothesis import HealthCheck, given, note, settings

from tests.security.hostile_sql import RELATIONS, scripts
from tests.security.scene import Scene, filled
from tests.security.tables import TABLES

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("red team")]

FOREIGN = "planted for anna"

# Everything that is not mallory's: rows of all tables, rights, policies, functions, roles. Other tests make bots beside this
# one, which become the provisioner's; so much about roles may change.
_ROWS = " UNION ALL ".join(
    f"SELECT '{name}', md5(string_agg(to_jsonb(t)::text, '' ORDER BY to_jsonb(t)::text)) FROM {name} t"
    " WHERE to_jsonb(t)::text NOT LIKE '%mallory%'"
    for name in TABLES
)
_CATALOG = """
    SELECT 'relations', md5(string_agg(concat(relname, relacl, relrowsecurity, relowner), '' ORDER BY oid)) FROM pg_class
    WHERE relnamespace::regnamespace::text NOT LIKE 'pg_%'
    UNION ALL SELECT 'columns', md5(string_agg(concat(attrelid, attname, attacl), '' ORDER BY attrelid, attnum))
    FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0
    UNION ALL SELECT 'policies', md5(string_agg(p::text, '' ORDER BY p::text)) FROM pg_policies p
    UNION ALL SELECT 'functions', md5(string_agg(concat(oid, proacl, prosrc, proowner), '' ORDER BY oid)) FROM pg_proc
    UNION ALL SELECT 'triggers', md5(string_agg(concat(oid, tgenabled), '' ORDER BY oid)) FROM pg_trigger
    UNION ALL SELECT 'roles', md5(string_agg(concat(a.*), '' ORDER BY oid)) FROM pg_authid a
    WHERE rolname = ANY ($1::text[])
    UNION ALL SELECT 'members', md5(string_agg(m::text, '' ORDER BY oid)) FROM pg_auth_members m
    WHERE member = ANY ($1::text[]::regrole[]::oid[])
    AND (roleid < 16384 OR roleid = ANY ($1::text[]::regrole[]::oid[]))"""


async def _digest(scene: Scene) -> dict[str, str]:
    roles = [*vars(scene.roles).values(), scene.anna.role_name]
    return {row[0]: row[1] for row in await scene.admin.fetch(f"{_ROWS} UNION ALL {_CATALOG}", roles)}


_NUMBERS = itertools.count()


async def _run(connection: Any, script: list[str]) -> str:
    """All that the script brings to light, errors included. Each statement stands for itself."""
    seen: list[str] = []
    for statement in ";\n".join(script).split(";\n"):
        try:
            if statement.startswith("COPY (") and statement.endswith(" TO STDOUT"):
                out = io.BytesIO()
                await connection.copy_from_query(statement[6 : -len(") TO STDOUT")], output=out)
                seen.append(out.getvalue().decode())
            else:
                # The driver remembers what a text gives; EXECUTE of another statement by the same name gives other rows.
                seen.extend(map(str, await connection.fetch(f"{statement}\n-- {next(_NUMBERS)}")))
        except (PostgresError, InterfaceError) as error:
            seen.append(f"{error} {getattr(error, 'detail', '')} {getattr(error, 'hint', '')}")
    return "\n".join(seen)


async def _sober(connection: Any) -> None:
    """The session as it was at its start."""
    with suppress(PostgresError):
        await connection.execute("RESET SESSION AUTHORIZATION")
    await connection.execute("CLOSE ALL; UNLISTEN *; RESET ALL; DEALLOCATE ALL")
    await connection.reload_schema_state()
    await connection.execute("SET statement_timeout = '2s'")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def untouched(scene: Scene) -> dict[str, str]:
    """The digest before any attack; it holds after each one, so it is taken once."""
    return await _digest(scene)


@settings(max_examples=80, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(script=scripts)
async def test_no_script_reaches_another_bot(scene: Scene, untouched: dict[str, str], script: list[str]) -> None:
    await _sober(scene.raw)
    statements = [filled(statement, scene.words()) for statement in script]
    note("\n".join(statements))
    output = await _run(scene.raw, statements)
    assert FOREIGN not in output
    assert await _digest(scene) == untouched


async def test_the_test_would_notice(scene: Scene) -> None:
    """With one lock open the same means find the marker, and the digest sees what changed."""
    await _sober(scene.raw)  # the last script may have left settings in which no table can be read
    before = await _digest(scene)
    query = ["SELECT to_jsonb(t) FROM messages t", "COPY (SELECT * FROM messages) TO STDOUT"]
    assert FOREIGN not in await _run(scene.raw, query)
    await scene.admin.execute("ALTER POLICY own ON messages USING (true)")
    try:
        for road in query:
            assert FOREIGN in await _run(scene.raw, [road])
        assert (await _digest(scene))["policies"] != before["policies"]
        assert {name for name, value in (await _digest(scene)).items() if value != before[name]} == {"policies"}
    finally:
        await scene.admin.execute("ALTER POLICY own ON messages USING (bot_id = my_bot())")


async def test_the_grammar_knows_every_relation(scene: Scene) -> None:
    rows = await scene.admin.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
        " AND relname !~ '_y[0-9]{4}m[0-9]{2}$'"
    )
    assert {row["relname"] for row in rows} == set(RELATIONS)
