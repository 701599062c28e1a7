"""Sealed secrets of bots. Only sealed bytes pass through here; the vault has the keys."""

from sqlalchemy import text

from hanfleet.store.connection import Connection

_PUT = text("""
    INSERT INTO secrets (bot_id, name, sealed) VALUES (:bot_id, :name, :sealed)
    ON CONFLICT (bot_id, name) DO UPDATE SET sealed = excluded.sealed""")
_DROP = text("DELETE FROM secrets WHERE bot_id = :bot_id AND name = :name")
_ALL = text("SELECT name, sealed FROM secrets WHERE bot_id = :bot_id")


class Secrets:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, bot_id: str, name: str, sealed: bytes) -> None:
        """Store a sealed secret in place of the one by that name."""
        await self._connection.all(_PUT, bot_id=bot_id, name=name, sealed=sealed)

    async def drop(self, bot_id: str, name: str) -> None:
        """Forget a secret; none by that name is fine."""
        await self._connection.all(_DROP, bot_id=bot_id, name=name)

    async def all(self, bot_id: str) -> dict[str, bytes]:
        """The sealed secrets by field name of BotConfig."""
        return {row.name: row.sealed for row in await self._connection.all(_ALL, bot_id=bot_id)}
