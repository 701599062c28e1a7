"""Wrapped data keys of bots, one row per key: the highest number seals, the others open what they sealed before.

Who reads a bot's keys holds them to the end of the transaction, so a key goes only when nobody works with it
(control.keys). Only wrapped bytes pass through here; the vault has the master key.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from hanfleet.store.connection import Connection

_OF_BOT = "SELECT * FROM bot_keys WHERE bot_id = :bot_id ORDER BY key_id"
_READ = text(f"{_OF_BOT} FOR SHARE")
_HOLD = text(f"{_OF_BOT} FOR UPDATE")
_ALL = text("SELECT * FROM bot_keys ORDER BY bot_id, key_id")
_HOLD_ALL = text("SELECT * FROM bot_keys ORDER BY bot_id, key_id FOR UPDATE")
_CLOSE = text("LOCK TABLE bot_keys IN SHARE ROW EXCLUSIVE MODE")
_ADD = text("""
    INSERT INTO bot_keys (bot_id, key_id, wrapped, after_epoch, made_at)
    SELECT CAST(:bot_id AS text), coalesce(max(key_id), 0) + 1, CAST(:wrapped AS bytea),
           coalesce((SELECT epoch FROM leases WHERE name = 'bot:' || CAST(:bot_id AS text)), 0),
           CAST(:now AS timestamptz)
    FROM bot_keys WHERE bot_id = :bot_id
    RETURNING key_id""")
_REWRAP = text("UPDATE bot_keys SET wrapped = :wrapped WHERE bot_id = :bot_id AND key_id = :number")
_DROP_OLDER = text("DELETE FROM bot_keys WHERE bot_id = :bot_id AND key_id < :number")


@dataclass(frozen=True)
class BotKey:
    """One key of a bot. Workers of a lease with an epoch above ``after_epoch`` know it from their start."""

    bot_id: str
    number: int
    wrapped: bytes = field(repr=False)
    after_epoch: int
    made_at: datetime


class Keys:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def read(self, bot_id: str) -> list[BotKey]:
        """The bot's keys, the newest last. None of them goes before this transaction ends."""
        return [_key(row) for row in await self._connection.all(_READ, bot_id=bot_id)]

    async def hold(self, bot_id: str) -> list[BotKey]:
        """The same for whoever changes them: waits until nobody works with them, and nobody can until the end."""
        return [_key(row) for row in await self._connection.all(_HOLD, bot_id=bot_id)]

    async def all(self) -> list[BotKey]:
        """The keys of every bot."""
        return [_key(row) for row in await self._connection.all(_ALL)]

    async def hold_all(self) -> list[BotKey]:
        """The same, held as `hold` does; nobody adds one meanwhile either. For the owner role alone."""
        await self._connection.all(_CLOSE)
        return [_key(row) for row in await self._connection.all(_HOLD_ALL)]

    async def add(self, bot_id: str, wrapped: bytes) -> int:
        """Store a new key, which seals from now on, and give its number. Bots cannot read it.

        For a bot that has keys, `hold` them first, or a worker may be starting without this one.
        """
        now = self._connection.clock.now()
        return int(await self._connection.value(_ADD, bot_id=bot_id, wrapped=wrapped, now=now))

    async def rewrap(self, key: BotKey, wrapped: bytes) -> None:
        """Store the same key, wrapped by another master key."""
        await self._connection.all(_REWRAP, bot_id=key.bot_id, number=key.number, wrapped=wrapped)

    async def drop_older(self, bot_id: str, number: int) -> None:
        """Forget all keys below ``number``: what they sealed never opens again."""
        await self._connection.all(_DROP_OLDER, bot_id=bot_id, number=number)


def _key(row: Row[Any]) -> BotKey:
    return BotKey(row.bot_id, row.key_id, bytes(row.wrapped), row.after_epoch, row.made_at)
