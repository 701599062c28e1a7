"""Making a database fit for the fleet, at every start: version, roles, revocations, first schema. Runs as a superuser.

Everything here may be repeated at any time and by two at once, and changes nothing that stands already. Nothing but
this file and the tests ever logs in as the bootstrap role.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from sqlalchemy.engine import URL, make_url

from hanfleet.core.errors import PermanentError
from hanfleet.store import migrate
from hanfleet.store.addresses import connect
from hanfleet.store.catalogue import quoted
from hanfleet.store.faults import translated
from hanfleet.store.roles import RoleNames, new_install_id, scram_verifier
from hanfleet.store.schema import refuse_foreign, refuse_newer

OLDEST_SERVER = 16
DEFAULT_DATABASE = "hanfleet"
_MAINTENANCE = ("postgres", "template1")
_TIMEOUT_S = 10.0
#: What a bootstrap does about the schema.
SchemaWish = Literal["make", "upgrade", "leave"]
BOOTSTRAP_LOCK = 0x68616E66  # "hanf": two that bootstrap one cluster at once take turns

_REVOKE_FUNCTIONS = """
    DO $$
    DECLARE
        f regprocedure;
    BEGIN
        FOR f IN SELECT oid::regprocedure FROM pg_proc
                 WHERE pronamespace = 'pg_catalog'::regnamespace
                   AND (proname ~ '^(pg_(try_)?advisory_|lo_)'
                        OR proname IN ('loread', 'lowrite', 'pg_logical_emit_message'))
                   AND has_function_privilege('public', oid, 'EXECUTE')
        LOOP
            EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
        END LOOP;
    END $$"""

# A bot has the privileges of the bots' group, and these are enough for DROP OWNED BY that group: it takes the group out
# of all policies, and no bot reads or writes its own rows any more. No right stops it. Only a superuser may make or set
# aside an event trigger; this one asks as its owner, for not everybody may call my_bot().
_KEEP_POLICIES = """
    DO $bootstrap$
    BEGIN
        IF EXISTS (SELECT 1 FROM pg_event_trigger WHERE evtname = 'keep_policies' AND evtenabled = 'O') THEN
            RETURN;
        END IF;
        CREATE OR REPLACE FUNCTION public.refuse_drop_owned() RETURNS event_trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        BEGIN
            IF to_regprocedure('public.my_bot()') IS NULL THEN
                RETURN; -- there is no schema, and so no policy
            ELSIF public.my_bot() IS NOT NULL THEN
                RAISE EXCEPTION 'bots drop nothing' USING ERRCODE = 'insufficient_privilege';
            END IF;
        END $$;
        REVOKE EXECUTE ON FUNCTION public.refuse_drop_owned() FROM PUBLIC;
        DROP EVENT TRIGGER IF EXISTS keep_policies;
        CREATE EVENT TRIGGER keep_policies ON ddl_command_start WHEN TAG IN ('DROP OWNED')
            EXECUTE FUNCTION public.refuse_drop_owned();
    END $bootstrap$"""


@dataclass(frozen=True)
class ServicePasswords:
    """The passwords of the five service roles; they live in the home's secrets."""

    owner: str = field(repr=False)
    supervisor: str = field(repr=False)
    api: str = field(repr=False)
    provisioner: str = field(repr=False)
    relay: str = field(repr=False)


@dataclass(frozen=True)
class ServiceUrls:
    """How each service role logs in; the passwords are in them."""

    owner: str = field(repr=False)
    supervisor: str = field(repr=False)
    api: str = field(repr=False)
    provisioner: str = field(repr=False)
    relay: str = field(repr=False)


@dataclass(frozen=True)
class Installation:
    """A database that is ready."""

    install_id: str
    database: str
    roles: RoleNames
    urls: ServiceUrls


def database_url(admin_url: str) -> URL:
    """Which database ``admin_url`` means: a maintenance database or none stands for ``hanfleet``."""
    url = make_url(admin_url)
    return url.set(database=DEFAULT_DATABASE) if not url.database or url.database in _MAINTENANCE else url


async def bootstrap(
    admin_url: str, passwords: ServicePasswords, install_id: str | None = None, *, schema: SchemaWish = "make"
) -> Installation:
    """Make the database that ``admin_url`` names ready (see `database_url`).

    ``install_id`` is only taken by a database that has none yet. ``schema``: ``make`` gives it to an empty database and
    refuses an older one, ``upgrade`` moves an older one up, ``leave`` takes any that this release knows. Raises
    PermanentError with a sentence for a server or a schema that this release cannot use, and has changed nothing then;
    StoreUnavailableError for a server that does not answer.
    """
    url = database_url(admin_url)
    async with _connected(url.set(database="postgres")) as maintenance:
        await _check_server(maintenance)
        await maintenance.execute("SELECT pg_advisory_lock($1)", BOOTSTRAP_LOCK)
        if not await maintenance.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", url.database):
            await maintenance.execute(f"CREATE DATABASE {quoted(url.database or '')}")
        async with _connected(url) as connection:
            # Before anything is changed.
            revision = await migrate.revision_of(connection)
            if schema == "make" and revision is not None:
                refuse_foreign(revision)
            refuse_newer(revision)
            installation = await _prepare(connection, url, passwords, install_id)
            if schema == "upgrade" or (schema == "make" and revision is None):
                await migrate.upgrade(installation.urls.owner, alone=True)
            if schema != "leave":
                await _show_revision(connection, installation.roles)
    return installation


async def _show_revision(connection: Any, roles: RoleNames) -> None:
    """Each process asks at its start whether it knows the schema that it meets."""
    await connection.execute(f"GRANT SELECT ON alembic_version TO {roles.supervisor}, {roles.api}, {roles.bots}")


async def _prepare(connection: Any, url: URL, passwords: ServicePasswords, install_id: str | None) -> Installation:
    async with connection.transaction():
        found = await _install_id(connection, install_id or new_install_id())
        roles = RoleNames.of(found)
        await _make_roles(connection, roles, passwords)
        await open_to_fleet(connection, url.database or "", roles)
        await _take_from_public(connection)
        await connection.execute(f"ALTER TABLE installation OWNER TO {roles.owner}")
        await connection.execute(f"GRANT SELECT ON installation TO {roles.provisioner}")
    urls = {
        service.name: url.set(
            username=getattr(roles, service.name), password=getattr(passwords, service.name)
        ).render_as_string(hide_password=False)
        for service in fields(ServiceUrls)
    }
    return Installation(found, url.database or "", roles, ServiceUrls(**urls))


async def open_to_fleet(connection: Any, database: str, roles: RoleNames) -> None:
    """Let this installation's roles log in to ``database``, and nobody else.

    What is granted on a database itself is not copied from a template, so each clone needs this too.
    """
    name = quoted(database)
    await connection.execute(f"""
        ALTER DATABASE {name} OWNER TO {roles.owner};
        REVOKE ALL ON DATABASE {name} FROM PUBLIC;
        GRANT CONNECT ON DATABASE {name} TO {roles.supervisor}, {roles.api}, {roles.provisioner}, {roles.relay},
            {roles.bots}""")


async def _take_from_public(connection: Any) -> None:
    """Inside the database: no advisory locks, no large objects, no bare entries of the log, nothing made in public."""
    await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    await connection.execute(_REVOKE_FUNCTIONS)
    await connection.execute(_KEEP_POLICIES)


async def _check_server(connection: Any) -> None:
    version = await connection.fetchrow(
        "SELECT current_setting('server_version') AS shown,"
        " current_setting('server_version_num')::int / 10000 AS major,"
        " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser, current_user::text AS role"
    )
    if version["major"] < OLDEST_SERVER:
        raise PermanentError(
            f"The database server is PostgreSQL {version['shown']}; Hanfleet needs {OLDEST_SERVER} or newer:"
            " upgrade it, or leave HANFLEET_DATABASE_URL unset to use the server that comes with Hanfleet."
        )
    if not version["superuser"]:
        raise PermanentError(
            f"The role {version['role']} of HANFLEET_DATABASE_URL is not a superuser: Hanfleet makes roles and takes"
            " rights from PUBLIC at its start, so give it the URL of one. Nothing else ever uses it."
        )


async def _install_id(connection: Any, proposed: str) -> str:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS installation"
        " (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), install_id text NOT NULL)"
    )
    await connection.execute("INSERT INTO installation (install_id) VALUES ($1) ON CONFLICT DO NOTHING", proposed)
    found: str = await connection.fetchval("SELECT install_id FROM installation")
    return found


async def _make_roles(connection: Any, roles: RoleNames, passwords: ServicePasswords) -> None:
    standing = {
        row["rolname"]
        for row in await connection.fetch(
            "SELECT rolname::text FROM pg_roles WHERE rolname = ANY($1::text[])", list(vars(roles).values())
        )
    }
    for role, name in vars(roles).items():
        if name not in standing:
            await connection.execute(f"CREATE ROLE {name} NOSUPERUSER NOCREATEDB NOREPLICATION NOBYPASSRLS")
        if role != "bots":
            verifier = scram_verifier(getattr(passwords, role))
            await connection.execute(f"ALTER ROLE {name} LOGIN PASSWORD '{verifier}'")
    for name in (roles.supervisor, roles.api, roles.relay):
        # A hostile bot may hold a lock on its own rows; it must not hold up those who serve all bots.
        await connection.execute(f"ALTER ROLE {name} SET lock_timeout = '2s'; ALTER ROLE {name} SET jit = off")
    await connection.execute(f"""
        ALTER ROLE {roles.provisioner} CREATEROLE;
        GRANT {roles.bots} TO {roles.provisioner} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
        GRANT pg_signal_backend, pg_read_all_stats TO {roles.provisioner};
        GRANT SET ON PARAMETER temp_file_limit, log_min_messages TO {roles.provisioner}""")


@asynccontextmanager
async def _connected(url: URL) -> AsyncIterator[Any]:
    with translated(None):
        connection = await connect(url, "hanfleet bootstrap", timeout_s=_TIMEOUT_S)
        try:
            yield connection
        finally:
            await connection.close(timeout=_TIMEOUT_S)
