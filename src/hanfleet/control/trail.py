"""The audit trail as operators read it: entries, the newest first. Refuses to write; triggers do that.

An entry outlives its bot, so a bot that is no more is known by its entries.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from hanfleet.core.errors import InvalidInputError, NotFoundError
from hanfleet.store.audit import AuditRow, Place
from hanfleet.store.session import Transaction

T = TypeVar("T")


class AuditAction(StrEnum):
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


class AuditEntry(BaseModel):
    """Who did what to what. ``hash`` covers the entry and, by ``prev_hash``, all before it in its chain."""

    model_config = ConfigDict(frozen=True)

    timestamp: datetime
    principal: str = Field(description="operator:NAME, system:PROCESS, bot:ID, or role:NAME of a direct log-in.")
    db_role: str
    action: AuditAction
    noun: str = Field(
        description="bot, contact, secret, key, role, operator, grant, token, webhook, erasure, import, restore, audit."
    )
    bot_id: str | None
    subject: str = Field(description="The key of what was changed; of contacts the surrogate id.")
    old_values: dict[str, Any] | None
    new_values: dict[str, Any] | None
    request_id: str | None = Field(description="The X-Request-ID of the request that did it.")
    chain: str
    seq: int
    prev_hash: str
    hash: str

    @classmethod
    def of(cls, row: AuditRow) -> "AuditEntry":
        return cls.model_validate({**vars(row), "prev_hash": row.prev_hash.hex(), "hash": row.hash.hex()})

    @property
    def cursor(self) -> str:
        """Where to read on behind this one."""
        return f"{self.timestamp.isoformat()}/{self.chain}/{self.seq}"


class _Runner(Protocol):
    """A read-only step in a transaction as the operator, again while the database is away for a moment."""

    def __call__(self, fn: Callable[[Transaction], Awaitable[T]], /) -> Awaitable[T]: ...


class AuditTrail:
    """What the operator's grants let through."""

    def __init__(self, run: _Runner) -> None:
        self._run = run

    async def list(
        self,
        *,
        bot_id: str | None = None,
        principal: str | None = None,
        action: AuditAction | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """Entries in ``since`` ≤ time < ``until``, the newest first.

        Raises InvalidInputError for no cursor of ours, NotFoundError where there is neither such a bot nor an entry of
        one.
        """
        before = None if cursor is None else _place_of(cursor)

        async def look(tx: Transaction) -> list[AuditEntry]:
            rows = await tx.audit.page(
                bot_id=bot_id,
                principal=principal,
                action=action,
                since=since,
                until=until,
                before=before,
                limit=limit,
            )
            if bot_id is not None and not rows and not await _is_known(tx, bot_id):
                raise NotFoundError(
                    f"There is no bot {bot_id}, and no entry of one: hanfleet bots list shows those there are."
                )
            return [AuditEntry.of(row) for row in rows]

        return await self._run(look)


async def _is_known(tx: Transaction, bot_id: str) -> bool:
    return await tx.bots.get(bot_id) is not None or bool(await tx.audit.page(bot_id=bot_id, limit=1))


def _place_of(cursor: str) -> Place:
    try:
        timestamp, chain, seq = cursor.split("/")
        moment = datetime.fromisoformat(timestamp)
        place = Place(moment.astimezone(UTC), chain, int(seq)) if moment.tzinfo else None
    except (ValueError, OverflowError):  # a time that is none in UTC
        place = None
    if place is None or not (place.chain.isprintable() and 0 < place.seq < 2**63):
        raise InvalidInputError("cursor is not one of this list: pass next_cursor of the page before, or none.")
    return place
