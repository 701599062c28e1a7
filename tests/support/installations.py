"""Taking a whole installation away again: its database and its roles, which belong to the cluster that all tests share."""

from sqlalchemy.engine import make_url

from hanfleet.store.addresses import connect
from hanfleet.store.admin import BOOTSTRAP_LOCK


async def remove_installation(postgres_url: str, name: str) -> None:
    """Drop the database ``name`` and the roles of its installation; nothing happens where there is none.

    What roles hold on the cluster's own objects are rows that a bootstrap changes as well, so the two take turns.
    """
    admin = await connect(make_url(postgres_url).set(database="postgres"), "test")
    try:
        await admin.execute("SELECT pg_advisory_lock($1)", BOOTSTRAP_LOCK)
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            return
        inside = await connect(make_url(postgres_url).set(database=name), "test")
        try:
            known = await inside.fetchval("SELECT to_regclass('installation') IS NOT NULL")
            install_id = await inside.fetchval("SELECT install_id FROM installation") if known else None
        finally:
            await inside.close(timeout=5)
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        roles = await admin.fetch("SELECT rolname::text FROM pg_roles WHERE rolname LIKE $1", f"hf_{install_id}_%")
        for role in roles:
            await admin.execute(f"DROP OWNED BY {role['rolname']}; DROP ROLE {role['rolname']}")
    finally:
        await admin.close(timeout=5)
