"""One user of the bus per bot, limited to its own two streams and to the commands that it needs.

A worker may take its commands and put its answers; it may not put commands, read answers, or touch another stream.
SCAN, KEYS, RANDOMKEY, DBSIZE and INFO are not limited by key, so no bot has them.
"""

import secrets

from redis.exceptions import ResponseError

from hanfleet.bus import keys
from hanfleet.bus.connection import Bus, as_user
from hanfleet.kit.logging import get_logger

_log = get_logger("bus")


class BusProvisioner:
    """Makes and drops bots' users. ``bus`` must be logged in as an administrator."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def create_user(self, bot_id: str) -> str:
        """A URL with a new password for the bot's user; whoever was logged in with the old one is thrown out."""
        user, password = keys.bot_user(bot_id), secrets.token_urlsafe(32)
        with self._bus.guarded():
            await self._bus.client.execute_command("ACL", "SETUSER", user, *rules(bot_id), f">{password}")
            await self._bus.client.execute_command("CLIENT", "KILL", "USER", user)
        await self._save()
        return as_user(self._bus.url, user, password)

    async def shut_out(self, bot_id: str) -> None:
        """Let the bot's user in no more, until ``create_user``; whoever is logged in is thrown out."""
        user = keys.bot_user(bot_id)
        with self._bus.guarded():
            await self._bus.client.execute_command("ACL", "SETUSER", user, "off")
            await self._bus.client.execute_command("CLIENT", "KILL", "USER", user)
        await self._save()

    async def drop_user(self, bot_id: str) -> None:
        """Remove the bot's user, its connections and its streams. Nothing happens when there is none."""
        with self._bus.guarded():
            await self._bus.client.execute_command("ACL", "DELUSER", keys.bot_user(bot_id))
            await self._bus.client.delete(keys.commands(bot_id), keys.replies(bot_id))
        await self._save()

    async def _save(self) -> None:
        with self._bus.guarded():
            try:
                await self._bus.client.execute_command("ACL", "SAVE")
            except ResponseError as refused:
                # A server without an aclfile keeps users in memory only: after its restart bots get theirs anew.
                _log.debug("users of the bus are not saved", reason=str(refused))


def rules(bot_id: str) -> list[str]:
    """The bot's user as ACL rules, from nothing up: what is not named is refused.

    A selector gives one permission on one stream; without it, reading commands and putting answers on two streams
    would also allow putting commands and reading answers.
    """
    commands, replies = keys.commands(bot_id), keys.replies(bot_id)
    return [
        "reset",
        "on",
        "resetchannels",
        *("+ping", "+hello", "+select", "+client|setname"),
        f"(+xreadgroup %R~{commands})",
        f"(+xgroup|create +xdel %W~{commands})",
        f"(+xadd %W~{replies})",
    ]
