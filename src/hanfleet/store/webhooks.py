"""Webhooks: where events are sent outside, and the sealed secret that signs them. Refuses to send anything."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from hanfleet.store.connection import Connection
from hanfleet.store.operator_records import WebhookRow, WebhookState

_ADD = text("""
    INSERT INTO webhooks (id, bot_id, url, secret_sealed, event_types, created_at, updated_at)
    VALUES (:id, :bot_id, :url, :secret, CAST(:event_types AS text[]), :now, :now)""")
_LIST = text("SELECT id, bot_id, url, secret_sealed, event_types, state FROM webhooks ORDER BY id")
_REMOVE = text("DELETE FROM webhooks WHERE id = :id RETURNING id")


class Webhooks:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, webhook_id: UUID, url: str, secret_sealed: bytes, event_types: Sequence[str], *, bot_id: str | None = None
    ) -> None:
        """Add one for a bot's events, or with None for all. The secret is sealed for the id."""
        await self._connection.all(
            _ADD,
            id=webhook_id,
            bot_id=bot_id,
            url=url,
            secret=secret_sealed,
            event_types=list(event_types),
            now=self._connection.clock.now(),
        )

    async def list(self) -> Sequence[WebhookRow]:
        """All that the principal may see, the oldest first."""
        return [_webhook(row) for row in await self._connection.all(_LIST)]

    async def remove(self, webhook_id: UUID) -> bool:
        """Forget it. False: there is none."""
        return await self._connection.first(_REMOVE, id=webhook_id) is not None


def _webhook(row: Row[Any]) -> WebhookRow:
    return WebhookRow(
        row.id, row.bot_id, row.url, bytes(row.secret_sealed), tuple(row.event_types), WebhookState(row.state)
    )
