"""A bot's user of the bus: each rule stops the attack that it names, and no command of the server reaches a stranger.

The server is one of this module's own, for some attacks that succeed once a rule is lifted would hurt other tests.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from redis.exceptions import NoPermissionError, RedisError

from hanfleet.app.embedded import EmbeddedValkey
from hanfleet.app.home import Home
from hanfleet.bus import Bus, BusProvisioner
from hanfleet.bus.provisioner import rules
from hanfleet.kit.clock import SystemClock
from tests.security.bus_attacks import ATTACKS, EVENTS, FOREIGN, FREE, NEEDED, OWN, OWN_REPLIES, REPLIES, BusAttack

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("red team bus")]

_TREASURE = "planted for anna"
_USER = "hf-bot-mallory"
_STREAMS = (FOREIGN, REPLIES, EVENTS)


@dataclass
class Scene:
    """``commands`` are all that the server knows, with their number of words (negative: at least)."""

    admin: Bus
    mallory: Bus
    commands: dict[str, int] = field(repr=False)

    async def plant(self) -> None:
        client = self.admin.client
        await client.flushall()
        for stream in _STREAMS:
            await client.xadd(stream, {"field": _TREASURE}, id="1-1")
        for stream in (OWN, OWN_REPLIES):
            await client.xadd(stream, {"field": "mallory's"}, id="1-1")
        for stream in (*_STREAMS, OWN, OWN_REPLIES):
            await client.xgroup_create(stream, "worker", id="0")

    async def digest(self) -> list[Any]:
        """All that is not mallory's: keys with their contents, groups and readers, users, settings."""
        client = self.admin.client
        keys = sorted(key for key in await client.keys("*") if not key.startswith("hf:mallory:"))
        streams = [(key, str(await client.xinfo_stream(key, full=True))) for key in keys]
        users = [line for line in await client.execute_command("ACL", "LIST") if f"user {_USER} " not in line]
        return [streams, users, await client.config_get("*")]

    async def may(self, *command: str) -> bool:
        """What the server itself says of the command, without running it."""
        return str(await self.admin.client.execute_command("ACL", "DRYRUN", _USER, *command)) == "OK"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene() -> AsyncIterator[Scene]:
    home = Home.temporary()
    valkey = EmbeddedValkey(home, durable=False)
    try:
        await valkey.start()
        admin = Bus(valkey.url, clock=SystemClock(), name="admin")
        mallory = Bus(await BusProvisioner(admin).create_user("mallory"), clock=SystemClock(), name="mallory")
        admin.client.response_callbacks.pop("COMMAND", None)
        scene = Scene(admin, mallory, _commands(await admin.client.execute_command("COMMAND")))
        await scene.plant()
        yield scene
        await mallory.close()
        await admin.close()
    finally:
        await valkey.stop()
        home.destroy()


def _commands(entries: list[Any]) -> dict[str, int]:
    """Names as rules write them, subcommands for those that have some."""
    found: dict[str, int] = {}
    for name, arity, *_, subcommands in entries:
        found.update(_commands(subcommands) if subcommands else {name: arity})
    return found


async def _refused(scene: Scene, command: tuple[str, ...]) -> bool:
    try:
        await scene.mallory.client.execute_command(*command)
    except NoPermissionError:
        return True
    except UnicodeDecodeError:
        return False  # a dump, which is no text
    return False


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one.name)
async def test_it_stops_the_attack_that_it_names(scene: Scene, attack: BusAttack) -> None:
    await scene.plant()
    before = await scene.digest()
    assert await _refused(scene, attack.command), f"not stopped: {attack.stops}"
    assert await scene.digest() == before
    await scene.admin.client.execute_command("ACL", "SETUSER", _USER, *attack.lift)
    try:
        assert not await _refused(scene, attack.command), "lifting it does not help: something else stops this attack"
    finally:
        await _as_provisioned(scene)
        await scene.plant()


async def _as_provisioned(scene: Scene) -> None:
    """The rules anew, under the password that mallory has."""
    await scene.admin.client.execute_command(
        "ACL",
        "SETUSER",
        _USER,
        *rules("mallory")[1:3],
        "nocommands",
        "resetkeys",
        "clearselectors",
        *rules("mallory")[2:],
    )


async def test_every_command_of_the_server_is_refused_or_needed(scene: Scene) -> None:
    assert len(scene.commands) > 300
    for command, arity in scene.commands.items():
        words = command.split("|")
        words += [FOREIGN] * (abs(arity) - len(words))
        assert command in NEEDED | FREE or not await scene.may(*words), command


async def test_the_list_of_needs_is_what_the_rules_say(scene: Scene) -> None:
    granted = {word.lstrip("(+").rstrip(")") for rule in rules("mallory") for word in rule.split() if "+" in word}
    assert granted == NEEDED


_KEYS = st.sampled_from((*_STREAMS, OWN, OWN_REPLIES, "hf:dead:bot:x", "mine", "*", "0", ">", "$"))
_WORDS = st.sampled_from(
    (
        "GROUP",
        "worker",
        "me",
        "STREAMS",
        "COUNT",
        "10",
        "0",
        ">",
        "0-0",
        "*",
        "field",
        "x",
        "MKSTREAM",
        "NOACK",
        "1",
        "-",
        "+",
    )
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def untouched(scene: Scene) -> list[Any]:
    """The digest of what is planted; whoever plants anew plants the same."""
    return await scene.digest()


@settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_no_command_reaches_a_stranger(scene: Scene, untouched: list[Any], data: st.DataObject) -> None:
    """Commands of all kinds, those that the user has most of all, on any mixture of keys."""
    some = st.sampled_from(sorted(set(scene.commands) - {"reset", "quit", "auth", "shutdown"}))
    command = data.draw(st.one_of(some, st.sampled_from(("xreadgroup", "xadd", "xgroup|create", "xdel"))))
    words = (*command.split("|"), *data.draw(st.lists(st.one_of(_KEYS, _WORDS), max_size=9)))
    if command == "xreadgroup" and data.draw(st.booleans()):
        keys = data.draw(st.lists(_KEYS, min_size=1, max_size=3))
        words = ("xreadgroup", "GROUP", "worker", "me", "STREAMS", *keys, *[">"] * len(keys))
    note(" ".join(words))
    connection = scene.mallory.client.connection_pool.make_connection()
    answer: object = None
    try:
        await connection.connect()
        await connection.send_command(*words)
        answer = await connection.read_response(timeout=1)
    except RedisError as refused:
        answer = refused
    finally:
        await connection.disconnect()
    assert _TREASURE not in str(answer)
    assert await scene.digest() == untouched


async def test_the_test_would_notice(scene: Scene) -> None:
    await scene.plant()
    before = await scene.digest()
    await scene.admin.client.xadd(FOREIGN, {"field": "x"})
    assert await scene.digest() != before
    assert _TREASURE in str(await scene.admin.client.xrange(FOREIGN))
