"""What bots' users have open on the server and keep in their streams, and how it is taken from them. As administrator.

Refuses to judge what is too much, which the supervisor does, and to read what an entry, a name or a command says.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from hanfleet.bus import keys
from hanfleet.bus.connection import Bus


@dataclass(frozen=True)
class BotClient:
    """One logged-in connection. ``traffic`` is bytes to and fro; it and ``commands`` are None before Valkey 8."""

    id: int
    age_s: int
    memory: int
    commands: int | None
    traffic: int | None


@dataclass(frozen=True)
class StreamUse:
    """``memory`` in bytes; it leaves out the names of ``groups``."""

    name: str
    entries: int
    memory: int
    groups: int


@dataclass(frozen=True)
class BotUse:
    """``clients`` is None where the server could not list them: somebody has made the list too long."""

    bot_id: str
    clients: tuple[BotClient, ...] | None
    streams: tuple[StreamUse, ...]


class BotUses:
    """What every bot with a user has."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def now(self) -> list[BotUse]:
        """Raises BusUnavailableError."""
        with self._bus.guarded():
            users = await self._bus.client.execute_command("ACL", "USERS")
            bots = [bot_id for user in users if (bot_id := keys.bot_of(user)) is not None]
            listing = await self._listing()
            streams = await self._streams(bots)
        clients: dict[str, list[BotClient]] = {bot_id: [] for bot_id in bots}
        for bot_id, client in _bot_clients(listing or ""):
            clients.setdefault(bot_id, []).append(client)
        return [
            BotUse(bot_id, None if listing is None else tuple(clients[bot_id]), tuple(streams[bot_id]))
            for bot_id in bots
        ]

    async def end(self, bot_id: str) -> int:
        """Close every connection of the bot's user; gives their number. Raises BusUnavailableError."""
        with self._bus.guarded():
            return int(await self._bus.client.execute_command("CLIENT", "KILL", "USER", keys.bot_user(bot_id)))

    async def end_strangers(self, after_s: int) -> int:
        """Close what has been open for ``after_s`` seconds without a log-in; gives their number.

        Nobody where the server lets in the default user, who is somebody there, or is too old to ask for an age (Redis
        before 7.4). Raises BusUnavailableError.
        """
        with self._bus.guarded():
            if (await self._bus.client.acl_getuser("default"))["enabled"]:
                return 0
            with suppress(ResponseError):
                return int(
                    await self._bus.client.execute_command("CLIENT", "KILL", "USER", "default", "MAXAGE", after_s)
                )
        return 0

    async def drop(self, stream: StreamUse) -> None:
        """Raises BusUnavailableError."""
        with self._bus.guarded():
            await self._bus.client.unlink(stream.name)

    async def _listing(self) -> str | None:
        """The server's list of clients; None when it hung up over it: an answer over its bound is never sent."""
        try:
            return str(await self._bus.client.execute_command("CLIENT", "LIST"))
        except RedisConnectionError:
            await self._bus.client.execute_command("PING")
            return None

    async def _streams(self, bots: list[str]) -> dict[str, list[StreamUse]]:
        """Not XINFO on the replies: it would bring entries, and these the bot has written."""
        async with self._bus.client.pipeline(transaction=False) as steps:
            for bot_id in bots:
                commands, replies = keys.commands(bot_id), keys.replies(bot_id)
                steps.xlen(replies)
                # All of it: a sample says nothing of values that somebody chose.
                steps.memory_usage(replies, samples=0)
                steps.memory_usage(commands, samples=0)
                steps.xinfo_stream(commands)
            answers = iter(await steps.execute(raise_on_error=False))
        found = {}
        for bot_id in bots:
            entries, replies_memory, commands_memory, about = (_answer(next(answers)) for _ in range(4))
            about = about or {"length": 0, "groups": 0}
            found[bot_id] = [
                StreamUse(keys.replies(bot_id), entries, replies_memory or 0, 0),
                StreamUse(keys.commands(bot_id), about["length"], commands_memory or 0, about["groups"]),
            ]
        return found


def _answer(answer: Any) -> Any:
    """None where there is no such stream."""
    if isinstance(answer, ResponseError) and "no such key" in str(answer):
        return None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _bot_clients(listing: str) -> Iterator[tuple[str, BotClient]]:
    """Names hold no blanks, so a client cannot write words of its own into its line."""
    for line in listing.splitlines():
        words = dict(word.split("=", 1) for word in line.split(" ") if "=" in word)
        bot_id = keys.bot_of(words.get("user", ""))
        if bot_id is not None:
            counted = "tot-cmds" in words
            yield (
                bot_id,
                BotClient(
                    id=int(words["id"]),
                    age_s=int(words["age"]),
                    memory=int(words["tot-mem"]),
                    commands=int(words["tot-cmds"]) if counted else None,
                    traffic=int(words["tot-net-in"]) + int(words["tot-net-out"]) if counted else None,
                ),
            )
