"""API tokens: who holds one acts as its operator, within its scopes, until it expires or is taken back.

Only a hash stands here. The token itself is at least 32 random bytes, so that a plain SHA-256 cannot be searched.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from hanfleet.kit.identity import new_id
from hanfleet.store.connection import Connection
from hanfleet.store.operator_records import TokenRow

_COLUMNS = "t.id, t.operator, t.name, t.scopes, t.created_at, t.expires_at, t.last_used_at, t.revoked_at"
_ADD = text("""
    INSERT INTO tokens (id, operator, name, hash, scopes, created_at, expires_at)
    VALUES (:id, :operator, :name, :hash, CAST(:scopes AS text[]), :now, :expires_at)""")
_USE = text(f"""
    UPDATE tokens t SET last_used_at = :now FROM operators o
    WHERE t.hash = :hash AND t.revoked_at IS NULL AND coalesce(t.expires_at > :now, true)
      AND o.name = t.operator AND o.disabled_at IS NULL
    RETURNING {_COLUMNS}""")  # noqa: S608 - a constant of ours
_REVOKE = text("UPDATE tokens SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL RETURNING id")
_LIST = text(f"SELECT {_COLUMNS} FROM tokens t WHERE t.operator = :operator ORDER BY t.id")  # noqa: S608


class Tokens:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, operator: str, name: str, sha256: bytes, scopes: Sequence[str], *, expires_at: datetime | None = None
    ) -> UUID:
        """Keep a new token by its hash and give its id. Raises ConflictError when that hash is known."""
        token_id = new_id()
        await self._connection.all(
            _ADD,
            id=token_id,
            operator=operator,
            name=name,
            hash=sha256,
            scopes=list(scopes),
            expires_at=expires_at,
            now=self._connection.clock.now(),
        )
        return token_id

    async def use(self, sha256: bytes) -> TokenRow | None:
        """The token with that hash, marked as used now; None: there is none that counts.

        Expired, taken back and a disabled operator's are the same to whoever shows one.
        """
        row = await self._connection.first(_USE, hash=sha256, now=self._connection.clock.now())
        return None if row is None else _token(row)

    async def revoke(self, token_id: UUID) -> bool:
        """Take it back. False: it was before, or is none of those that may be seen."""
        return await self._connection.first(_REVOKE, id=token_id, now=self._connection.clock.now()) is not None

    async def list(self, operator: str) -> Sequence[TokenRow]:
        """All that the operator ever had, the oldest first."""
        return [_token(row) for row in await self._connection.all(_LIST, operator=operator)]


def _token(row: Row[Any]) -> TokenRow:
    return TokenRow(
        row.id, row.operator, row.name, tuple(row.scopes), row.created_at, row.expires_at, row.last_used_at,
        row.revoked_at,
    )  # fmt: skip
