"""The embedded Valkey: its users, its file, and what it survives."""

import os
import signal
from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.exceptions import ConnectionError as RedisConnectionError

from hanfleet.app.embedded import EmbeddedValkey
from hanfleet.app.home import Home
from hanfleet.core.errors import ConflictError, PermanentError


@pytest.fixture
async def valkey(home: Home) -> AsyncIterator[EmbeddedValkey]:
    server = EmbeddedValkey(home, bots=5)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


@pytest.fixture
async def admin(valkey: EmbeddedValkey) -> AsyncIterator["redis.Redis"]:
    client = redis.from_url(valkey.url, decode_responses=True)
    yield client
    await client.aclose()


async def test_it_listens_on_its_socket_alone(admin: "redis.Redis") -> None:
    assert await admin.config_get("port") == {"port": "0"}
    assert await admin.config_get("appendonly") == {"appendonly": "yes"}
    assert await admin.config_get("appendfsync") == {"appendfsync": "everysec"}


async def test_nobody_gets_in_without_a_password(valkey: EmbeddedValkey, admin: "redis.Redis") -> None:
    for user, password in ((None, None), ("default", "x"), ("admin", "wrong")):
        client = redis.Redis(
            unix_socket_path=str(valkey.socket), username=user, password=password, retry=Retry(NoBackoff(), 0)
        )
        with pytest.raises((AuthenticationError, RedisConnectionError)):
            await client.ping()
        await client.aclose()


async def test_killed_it_comes_back_with_its_data_and_users(valkey: EmbeddedValkey, admin: "redis.Redis") -> None:
    await admin.acl_setuser("bot-1", enabled=True, passwords=["+secret"], keys=["hf:1:*"], commands=["+get", "+hello"])
    await admin.acl_save()
    async with admin.pipeline(transaction=True) as pipe:
        pipe.set("hf:1:kept", "yes")
        pipe.xadd("hf:1:stream", {"n": "1"})
        await pipe.execute()
    await admin.set("hf:1:after", "a transaction")
    # While the disk is busy, the server writes up to two seconds later (appendfsync everysec).
    assert (await admin.waitaof(1, 0, 10_000))[0] == 1
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGKILL)
    assert await valkey.wait() == -signal.SIGKILL
    await valkey.start()
    assert await admin.get("hf:1:after") == "a transaction"
    assert await admin.xlen("hf:1:stream") == 1
    bot = redis.Redis(unix_socket_path=str(valkey.socket), username="bot-1", password="secret", decode_responses=True)
    assert await bot.get("hf:1:kept") == "yes"
    with pytest.raises(NoPermissionError):
        await bot.get("hf:2:kept")
    await bot.aclose()


async def test_a_start_mends_our_own_users_and_keeps_the_others(valkey: EmbeddedValkey) -> None:
    await valkey.stop()
    acl = valkey.data / "users.acl"
    kept = "user bot-1 on #" + "0" * 64 + " resetchannels ~hf:1:* -@all +get"
    acl.write_text(f"user default on nopass ~* &* +@all\nuser admin off\n{kept}\n")
    await valkey.start()
    lines = acl.read_text().splitlines()
    assert lines[0] == "user default off resetpass ~* &* +@all"
    assert lines[1].startswith("user admin on #")
    assert lines[2:] == [kept]
    assert acl.stat().st_mode & 0o777 == 0o600
    client = redis.from_url(valkey.url)
    assert await client.ping()
    await client.aclose()


async def test_a_second_server_on_the_home_is_refused(home: Home, valkey: EmbeddedValkey) -> None:
    with pytest.raises(ConflictError, match="Another hanfleet uses"):
        await EmbeddedValkey(home).start()


async def test_a_link_in_place_of_the_users_is_not_followed(home: Home, valkey: EmbeddedValkey) -> None:
    await valkey.stop()
    acl = valkey.data / "users.acl"
    acl.unlink()
    acl.symlink_to(home.path / "secrets.json")
    with pytest.raises(PermanentError, match="not a plain file"):
        await valkey.start()


async def test_what_keeps_it_from_starting_is_said(valkey: EmbeddedValkey) -> None:
    await valkey.stop()
    with (valkey.data / "users.acl").open("a") as acl:
        acl.write("user broken nonsense\n")
    with pytest.raises(PermanentError, match=r"valkey did not start: .*logs/valkey.log"):
        await valkey.start()
