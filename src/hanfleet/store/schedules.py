"""Schedules: what is planned for a contact. Rows, not sleeping tasks: a restart neither forgets nor repeats one."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from hanfleet.kit.identity import new_id
from hanfleet.store.connection import Connection
from hanfleet.store.records import ScheduleKind, ScheduleRow

_PLAN = text("""
    INSERT INTO schedules (bot_id, id, chat_id, kind, due_at, created_at)
    VALUES (:bot_id, :id, :chat_id, :kind, :due_at, :now)
    ON CONFLICT (bot_id, chat_id, kind) WHERE state = 'pending' DO UPDATE SET due_at = excluded.due_at""")
_DUE = text("""
    SELECT id, bot_id, chat_id, kind, due_at FROM schedules
    WHERE bot_id = :bot_id AND state = 'pending' AND due_at <= :now ORDER BY due_at LIMIT :limit""")
_NEXT_DUE = text("SELECT min(due_at) FROM schedules WHERE bot_id = :bot_id AND state = 'pending'")
_SETTLE = text("""
    UPDATE schedules SET state = 'done', settled_at = :now
    WHERE bot_id = :bot_id AND id = :id AND state = 'pending' RETURNING id""")
_CANCEL = text("""
    UPDATE schedules SET state = 'cancelled', settled_at = :now
    WHERE bot_id = :bot_id AND chat_id = :chat_id AND state = 'pending'""")


class Schedules:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def plan(self, bot_id: str, chat_id: int, kind: ScheduleKind, due_at: datetime) -> None:
        """Plan it, or move what was planned of that kind for that contact."""
        now = self._connection.clock.now()
        values = {"id": new_id(), "chat_id": chat_id, "kind": kind, "due_at": due_at, "now": now}
        await self._connection.all(_PLAN, bot_id=bot_id, **values)

    async def due(self, bot_id: str, now: datetime, limit: int = 100) -> Sequence[ScheduleRow]:
        """What is to be done now, longest due first."""
        rows = await self._connection.all(_DUE, bot_id=bot_id, now=now, limit=limit)
        return [ScheduleRow(row.id, row.bot_id, row.chat_id, ScheduleKind(row.kind), row.due_at) for row in rows]

    async def next_due_at(self, bot_id: str) -> datetime | None:
        """When the next becomes due; may lie in the past; None: nothing is planned."""
        value = await self._connection.value(_NEXT_DUE, bot_id=bot_id)
        return value if isinstance(value, datetime) else None

    async def settle(self, bot_id: str, schedule_id: UUID) -> bool:
        """It is done. False: it was done or cancelled before, so whoever asks must not do it again."""
        now = self._connection.clock.now()
        settled = await self._connection.first(_SETTLE, bot_id=bot_id, id=schedule_id, now=now)
        return settled is not None

    async def cancel(self, bot_id: str, chat_id: int) -> None:
        """Drop all that is planned for a contact, as after an opt-out."""
        await self._connection.all(_CANCEL, bot_id=bot_id, chat_id=chat_id, now=self._connection.clock.now())
