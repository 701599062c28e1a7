"""The servers that every other integration test stands on."""

import asyncpg
import redis.asyncio as redis


async def test_postgres_url_is_a_superuser(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)  # type: ignore[no-untyped-call]
    try:
        assert await connection.fetchval("select rolsuper from pg_roles where rolname = current_user")
        assert await connection.fetchval("show listen_addresses") == ""
    finally:
        await connection.close()


async def test_valkey_url_is_the_administrator(valkey_url: str) -> None:
    client = redis.from_url(valkey_url)
    try:
        assert b"default" in await client.acl_users() or "default" in await client.acl_users()
    finally:
        await client.aclose()
