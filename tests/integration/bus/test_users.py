"""What a bot's user may do on a real server: take its commands, put its answers, and nothing else."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hanfleet.bus import Bus, BusProvisioner, IPCManager, open_bus
from hanfleet.bus.provisioner import rules
from hanfleet.core.commands import Ping
from hanfleet.core.errors import BusUnavailableError, PermanentError
from hanfleet.kit.clock import SystemClock

FOREIGN = "hf:stranger:commands"


@pytest_asyncio.fixture
async def bot(bus: Bus, bot_id: str) -> AsyncIterator[Bus]:
    """The bus as the bot sees it. A stranger's streams hold something."""
    await bus.client.xadd(FOREIGN, {"command": "private"})
    await bus.client.xadd("hf:stranger:replies", {"response": "private"})
    await bus.client.xadd("hf:events:bot", {"event": "private"})
    async with open_bus(await BusProvisioner(bus).create_user(bot_id), clock=SystemClock()) as own:
        yield own
    await BusProvisioner(bus).drop_user(bot_id)


async def test_the_check_of_versions_passes_here(bus: Bus) -> None:
    assert (await bus.check_version()).startswith("Valkey 9")


FORBIDDEN = [
    ("XADD", FOREIGN, "*", "command", "stop"),
    ("XADD", "hf:stranger:replies", "*", "response", "x"),
    ("XADD", "hf:events:bot", "*", "event", "x"),
    ("XADD", "hf:{own}:commands", "*", "command", "x"),
    ("XREADGROUP", "GROUP", "worker", "worker", "STREAMS", FOREIGN, ">"),
    ("XREADGROUP", "GROUP", "worker", "worker", "STREAMS", "hf:{own}:commands", FOREIGN, ">", ">"),
    ("XREADGROUP", "GROUP", "worker", "worker", "STREAMS", "hf:{own}:replies", ">"),
    ("XREAD", "STREAMS", FOREIGN, "0"),
    ("XREAD", "STREAMS", "hf:{own}:replies", "0"),
    ("XRANGE", FOREIGN, "-", "+"),
    ("XRANGE", "hf:events:bot", "-", "+"),
    ("XREVRANGE", FOREIGN, "+", "-"),
    ("XLEN", FOREIGN),
    ("XINFO", "STREAM", FOREIGN),
    ("XAUTOCLAIM", FOREIGN, "worker", "me", "0", "0"),
    ("XPENDING", FOREIGN, "worker"),
    ("XGROUP", "CREATE", FOREIGN, "mine", "0"),
    ("XGROUP", "CREATE", "hf:events:bot", "mine", "0"),
    ("XGROUP", "DESTROY", "hf:{own}:commands", "worker"),
    ("XDEL", FOREIGN, "0-1"),
    ("XTRIM", FOREIGN, "MAXLEN", "0"),
    ("DEL", FOREIGN),
    ("DEL", "hf:{own}:commands"),
    ("RENAME", FOREIGN, "hf:{own}:commands"),
    ("COPY", FOREIGN, "hf:{own}:commands"),
    ("DUMP", FOREIGN),
    ("EXISTS", FOREIGN),
    ("TYPE", FOREIGN),
    ("GET", "anything"),
    ("SET", "hf:{own}:commands", "x"),
    ("SCAN", "0"),
    ("KEYS", "*"),
    ("RANDOMKEY",),
    ("DBSIZE",),
    ("INFO",),
    ("CONFIG", "GET", "*"),
    ("ACL", "LIST"),
    ("ACL", "SETUSER", "hf-bot-{own}", "allkeys"),
    ("ACL", "WHOAMI"),
    ("CLIENT", "LIST"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("MONITOR",),
    ("PUBLISH", "channel", "x"),
    ("SUBSCRIBE", "channel"),
    ("PSUBSCRIBE", "*"),
    ("EVAL", "return 1", "0"),
    ("FUNCTION", "LIST"),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("SHUTDOWN",),
    ("MULTI",),
    ("WAIT", "0", "0"),
    ("REPLICAOF", "NO", "ONE"),
    ("MODULE", "LIST"),
]


@pytest.mark.parametrize("command", FORBIDDEN, ids=" ".join)
async def test_a_bot_is_refused(bot: Bus, bot_id: str, command: tuple[str, ...]) -> None:
    with pytest.raises(PermanentError, match=r"(?i)does not allow this user"), bot.guarded():
        await bot.client.execute_command(*(word.replace("{own}", bot_id) for word in command))


async def test_the_table_of_refusals_can_fail(bot: Bus, bot_id: str) -> None:
    """What the worker needs is not refused, so the refusals above are the user's and not a broken log-in's."""
    await bot.client.execute_command("XGROUP", "CREATE", f"hf:{bot_id}:commands", "worker", "0", "MKSTREAM")
    await bot.client.execute_command("XREADGROUP", "GROUP", "worker", "worker", "STREAMS", f"hf:{bot_id}:commands", ">")
    await bot.client.execute_command("XADD", f"hf:{bot_id}:replies", "*", "response", "x")


async def test_a_new_password_throws_the_old_one_out(bus: Bus, bot: Bus, bot_id: str) -> None:
    await bot.ping()
    await BusProvisioner(bus).create_user(bot_id)
    with pytest.raises(BusUnavailableError, match="refuses our user"):
        await bot.ping()


async def test_making_a_user_again_makes_the_same_user(bus: Bus, bot: Bus, bot_id: str) -> None:
    async def described() -> str:
        lines = await bus.client.execute_command("ACL", "LIST")
        [line] = [line for line in lines if line.startswith(f"user hf-bot-{bot_id} ")]
        return " ".join(word for word in line.split() if not word.startswith("#"))

    before = await described()
    await BusProvisioner(bus).create_user(bot_id)
    assert await described() == before
    assert "~*" not in before
    assert "&*" not in before


async def test_a_dropped_user_is_gone_with_its_streams(bus: Bus, bot: Bus, ipc: IPCManager, bot_id: str) -> None:
    await bus.client.xadd(f"hf:{bot_id}:commands", {"command": Ping().model_dump_json()})
    await BusProvisioner(bus).drop_user(bot_id)
    await BusProvisioner(bus).drop_user(bot_id)
    with pytest.raises(BusUnavailableError):
        await bot.ping()
    assert not await bus.client.exists(f"hf:{bot_id}:commands")


async def test_a_server_that_cannot_save_users_is_good_enough(bus: Bus, bot_id: str) -> None:
    real = bus.client.execute_command

    async def unable(*words: str) -> object:
        if words == ("ACL", "SAVE"):
            return await real("ACL", "NOT-A-COMMAND")
        return await real(*words)

    bus.client.execute_command = unable
    async with open_bus(await BusProvisioner(bus).create_user(bot_id), clock=SystemClock()) as own:
        await own.ping()


async def test_a_log_in_tells_nothing_about_our_library(bot: Bus) -> None:
    """Redis 7.0 does not know CLIENT SETINFO: it refuses a user with a permission by that name."""
    assert not [rule for rule in rules("mira") if "setinfo" in rule]
    await bot.ping()
    async with bot.client.client() as alone:
        await alone.initialize()
        assert alone.connection.driver_info is None


def test_no_rule_reaches_beyond_the_bot() -> None:
    text = " ".join(rules("mira"))
    assert "*" not in text
    assert "@" not in text
