"""Operators and their grants: who may see and do what to which bots. Policies of the API's role look here too.

Refuses to judge whether the asking operator may change these: row level security lets only those with an owner's or
admin's grant for every bot, and the fleet's own processes.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from hanfleet.core.errors import NotFoundError
from hanfleet.store.connection import Connection
from hanfleet.store.operator_records import GrantRow, OperatorRow, Role

_ADD = text("INSERT INTO operators (name, created_at) VALUES (:name, :now)")
_GET = text("SELECT name, created_at, disabled_at FROM operators WHERE name = :name")
_DISABLE = text("""
    UPDATE operators SET disabled_at = coalesce(disabled_at, :now) WHERE name = :name RETURNING name""")
_GRANT = text("""
    INSERT INTO grants (operator, bot_id, role, granted_by, granted_at)
    VALUES (:operator, CAST(:bot_id AS text), :role, :granted_by, :now)
    ON CONFLICT (operator, bot_id) DO UPDATE
    SET role = excluded.role, granted_by = excluded.granted_by, granted_at = excluded.granted_at""")
_REVOKE = text("""
    DELETE FROM grants WHERE operator = :operator AND bot_id IS NOT DISTINCT FROM CAST(:bot_id AS text)
    RETURNING operator""")
_GRANTS = text("""
    SELECT operator, bot_id, role, granted_by, granted_at FROM grants
    WHERE operator = :operator ORDER BY bot_id NULLS FIRST""")


class Operators:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, name: str) -> None:
        """Add one who may do nothing yet. Raises ConflictError when the name is taken."""
        await self._connection.all(_ADD, name=name, now=self._connection.clock.now())

    async def get(self, name: str) -> OperatorRow | None:
        row = await self._connection.first(_GET, name=name)
        return None if row is None else OperatorRow(row.name, row.created_at, row.disabled_at)

    async def disable(self, name: str) -> None:
        """From the next statement on the operator's grants count for nothing. Raises NotFoundError."""
        if await self._connection.first(_DISABLE, name=name, now=self._connection.clock.now()) is None:
            raise NotFoundError(f"There is no operator {name!r}.")

    async def grant(self, operator: str, role: Role, *, bot_id: str | None = None) -> None:
        """Give ``role`` for one bot, or with None for all, in place of the role held there before."""
        await self._connection.all(
            _GRANT,
            operator=operator,
            bot_id=bot_id,
            role=role,
            granted_by=self._connection.principal.setting,
            now=self._connection.clock.now(),
        )

    async def revoke(self, operator: str, *, bot_id: str | None = None) -> bool:
        """Take back what was granted for one bot, or with None for all. False: there was nothing."""
        return await self._connection.first(_REVOKE, operator=operator, bot_id=bot_id) is not None

    async def grants(self, operator: str) -> Sequence[GrantRow]:
        """What the operator holds, the grant for all bots first."""
        return [_grant(row) for row in await self._connection.all(_GRANTS, operator=operator)]


def _grant(row: Row[Any]) -> GrantRow:
    return GrantRow(row.operator, row.bot_id, Role(row.role), row.granted_by, row.granted_at)
