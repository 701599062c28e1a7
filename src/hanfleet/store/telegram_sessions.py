"""Telegram sessions: key, position in the update log, known peers. Keys, access hashes and phones only ever sealed."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, text

from hanfleet.core.errors import ConflictError
from hanfleet.core.messages import Entity, SessionSnapshot, UpdateState
from hanfleet.store.connection import Connection, as_json, storable
from hanfleet.store.principals import BotPrincipal
from hanfleet.store.records import Seal, SealedEntity, SessionRow

_LOAD = text("SELECT * FROM sessions WHERE bot_id = :bot_id")
_LOAD_ENTITIES = text("SELECT * FROM session_entities WHERE bot_id = :bot_id ORDER BY entity_id")
_SAVE_IDENTITY = text("""
    INSERT INTO sessions AS old
        (bot_id, telegram_user_id, is_bot, dc_id, server_address, port, auth_key_sealed, updated_at)
    VALUES (:bot_id, :user_id, :is_bot, :dc_id, :address, :port, :auth_key, :now)
    ON CONFLICT (bot_id) DO UPDATE
    SET telegram_user_id = coalesce(excluded.telegram_user_id, old.telegram_user_id), is_bot = excluded.is_bot,
        dc_id = excluded.dc_id, server_address = excluded.server_address, port = excluded.port,
        auth_key_sealed = excluded.auth_key_sealed, updated_at = excluded.updated_at
    WHERE old.telegram_user_id IS NULL OR excluded.telegram_user_id IS NULL
       OR old.telegram_user_id = excluded.telegram_user_id
    RETURNING bot_id""")
_SAVE_STATE = text("""
    UPDATE sessions SET pts = :pts, qts = :qts, date = :date, seq = :seq, updated_at = :now WHERE bot_id = :bot_id""")
_SAVE_ENTITIES = text("""
    INSERT INTO session_entities AS old (bot_id, entity_id, kind, access_hash_sealed, name, username, phone_sealed)
    SELECT CAST(:bot_id AS text), id, kind, decode(access_hash, 'hex'), name, username, decode(phone, 'hex')
    FROM jsonb_to_recordset(CAST(:entities AS jsonb))
        AS given (id bigint, kind text, access_hash text, name text, username text, phone text)
    ON CONFLICT (bot_id, entity_id) DO UPDATE
    SET kind = excluded.kind, access_hash_sealed = excluded.access_hash_sealed, name = excluded.name,
        username = excluded.username, phone_sealed = coalesce(excluded.phone_sealed, old.phone_sealed)""")
_FORGET_MINE = text("SELECT forget_my_session()")
_FORGET_ENTITIES = text("DELETE FROM session_entities WHERE bot_id = :bot_id")
_FORGET = text("DELETE FROM sessions WHERE bot_id = :bot_id")


class Sessions:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def load(self, bot_id: str) -> SessionRow | None:
        """The session with its sealed entities; ``SessionRow.opened`` makes the snapshot."""
        row = await self._connection.first(_LOAD, bot_id=bot_id)
        if row is None:
            return None
        entities = await self._connection.all(_LOAD_ENTITIES, bot_id=bot_id)
        return _session(row, entities)

    async def save_identity(self, bot_id: str, snapshot: SessionSnapshot, seal: Seal) -> None:
        """Store key, data centre and account (and state and entities where given) of a new log-in or new key.

        Raises ConflictError for a log-in as another Telegram account: message ids count per account and would collide.
        """
        saved = await self._connection.first(
            _SAVE_IDENTITY,
            bot_id=bot_id,
            user_id=snapshot.telegram_user_id,
            is_bot=snapshot.is_bot,
            dc_id=snapshot.dc_id,
            address=snapshot.server_address,
            port=snapshot.port,
            auth_key=seal("auth_key", snapshot.auth_key),
            now=self._connection.clock.now(),
        )
        if saved is None:
            raise ConflictError(
                f"Bot {bot_id} belongs to another Telegram account: log in as that one, or add a new bot for this one."
            )
        if snapshot.state is not None:
            await self.save_state(bot_id, snapshot.state)
        if snapshot.entities:
            await self.save_entities(bot_id, snapshot.entities, seal)

    async def save_state(self, bot_id: str, state: UpdateState) -> None:
        """Store the position in the update log; nothing happens before ``save_identity``."""
        await self._connection.all(
            _SAVE_STATE,
            bot_id=bot_id,
            pts=state.pts,
            qts=state.qts,
            date=state.date,
            seq=state.seq,
            now=self._connection.clock.now(),
        )

    async def save_entities(self, bot_id: str, entities: Iterable[Entity], seal: Seal) -> None:
        """Add or replace known peers; of two with one id the later wins."""
        sealed = list({entity.id: _sealed_entity(entity, seal) for entity in entities}.values())
        if sealed:
            await self._connection.all(_SAVE_ENTITIES, bot_id=bot_id, entities=as_json(sealed))

    async def delete(self, bot_id: str) -> None:
        """Forget the session and its peers. A bot can forget its own alone."""
        if isinstance(self._connection.principal, BotPrincipal):
            await self._connection.all(_FORGET_MINE)
            return
        for statement in (_FORGET_ENTITIES, _FORGET):
            await self._connection.all(statement, bot_id=bot_id)


def _sealed_entity(entity: Entity, seal: Seal) -> dict[str, Any]:
    phone = entity.phone
    return {
        "id": entity.id,
        "kind": entity.kind,
        "access_hash": seal(f"access_hash:{entity.id}", str(entity.access_hash).encode()).hex(),
        "name": storable(entity.name),
        "username": entity.username,
        "phone": None if phone is None else seal(f"phone:{entity.id}", phone.encode()).hex(),
    }


def _session(row: Row[Any], entities: Iterable[Row[Any]]) -> SessionRow:
    state = None
    if row.pts is not None:
        state = UpdateState(pts=row.pts, qts=row.qts, date=row.date, seq=row.seq)
    return SessionRow(
        bot_id=row.bot_id,
        telegram_user_id=row.telegram_user_id,
        is_bot=row.is_bot,
        dc_id=row.dc_id,
        server_address=row.server_address,
        port=row.port,
        auth_key_sealed=row.auth_key_sealed,
        state=state,
        entities=tuple(
            SealedEntity(
                id=entity.entity_id,
                kind=entity.kind,
                access_hash_sealed=entity.access_hash_sealed,
                name=entity.name,
                username=entity.username,
                phone_sealed=entity.phone_sealed,
            )
            for entity in entities
        ),
    )
