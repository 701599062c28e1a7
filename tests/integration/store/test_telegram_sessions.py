"""A Telegram session survives its process: key, position, peers, all sealed where they must be."""

from dataclasses import replace

import pytest

from hanfleet.core.errors import ConflictError
from hanfleet.core.messages import Entity, SessionSnapshot, UpdateState
from hanfleet.store.records import SessionRow
from tests.integration.store.conversation_steps import NOON, batch, message
from tests.support.database import OPERATOR, BotLogIn, Database

PEERS = (Entity(5, -6, "user", "Ann", "ann", "+100"), Entity(7, 8, "user"))
SNAPSHOT = SessionSnapshot(2, "149.154.167.50", 443, b"\x00key", 5, False, UpdateState(9, 8, NOON, 7), PEERS)


def seal(field: str, content: bytes) -> bytes:
    return field.encode() + b"|" + content[::-1]


def open_(field: str, sealed: bytes) -> bytes:
    name, _, content = sealed.partition(b"|")
    assert name.decode() == field
    return content[::-1]


async def _load(bot: BotLogIn) -> SessionRow:
    async with bot.store.transaction(bot.principal) as tx:
        row = await tx.sessions.load(bot.bot_id)
    assert row is not None
    return row


async def test_a_session_comes_back_as_it_was(database: Database) -> None:
    bot = await database.add_bot()
    async with bot.store.transaction(bot.principal) as tx:
        assert await tx.sessions.load("anna") is None
        await tx.sessions.save_identity("anna", SNAPSHOT, seal)
    row = await _load(bot)
    assert row.opened(open_) == SNAPSHOT
    assert SNAPSHOT.auth_key not in row.auth_key_sealed
    assert "key" not in repr(row).replace("auth_key", "")


async def test_updates_move_the_state_and_bring_peers(database: Database) -> None:
    bot = await database.add_bot()
    async with bot.store.transaction(bot.principal) as tx:
        await tx.sessions.save_identity("anna", replace(SNAPSHOT, state=None, entities=()), seal)
    assert (await _load(bot)).state is None
    renamed = replace(PEERS[0], name="Anna", phone=None)
    async with bot.store.transaction(bot.principal) as tx:
        await tx.inbox.take("anna", replace(batch(message(10), pts=10), entities=PEERS), NOON, 0, seal)
        await tx.inbox.take("anna", replace(batch(pts=11), entities=(renamed, renamed)), NOON, 0, seal)
    opened = (await _load(bot)).opened(open_)
    assert opened.state == UpdateState(11, 1, NOON, 1)
    # A peer that comes without its phone keeps the one that is known.
    assert opened.entities == (replace(renamed, phone="+100"), PEERS[1])


async def test_another_account_is_refused_and_a_new_key_of_the_same_is_not(database: Database) -> None:
    bot = await database.add_bot()
    async with bot.store.transaction(bot.principal) as tx:
        await tx.sessions.save_identity("anna", replace(SNAPSHOT, telegram_user_id=None), seal)
        await tx.sessions.save_identity("anna", SNAPSHOT, seal)
        await tx.sessions.save_identity("anna", replace(SNAPSHOT, auth_key=b"new", telegram_user_id=None), seal)
    opened = (await _load(bot)).opened(open_)
    assert (opened.auth_key, opened.telegram_user_id, opened.state) == (b"new", 5, SNAPSHOT.state)
    with pytest.raises(ConflictError, match="another Telegram account"):
        async with bot.store.transaction(bot.principal) as tx:
            await tx.sessions.save_identity("anna", replace(SNAPSHOT, telegram_user_id=6), seal)


async def test_a_session_is_forgotten_by_its_bot_or_by_an_operator(database: Database) -> None:
    bot = await database.add_bot()
    raw = await database.connect()
    for store, principal in ((bot.store, bot.principal), (database.api, OPERATOR)):
        async with bot.store.transaction(bot.principal) as tx:
            await tx.sessions.save_identity("anna", SNAPSHOT, seal)
        async with store.transaction(principal) as tx:
            await tx.sessions.delete("anna")
        assert (
            await raw.fetchval("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM session_entities)") == 0
        )
