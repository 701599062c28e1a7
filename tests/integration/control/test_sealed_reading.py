"""Operators read what a bot keeps sealed; the database does not."""

from hanfleet.control import MultiBotManager
from hanfleet.core.config import BotConfig
from hanfleet.store.records import OutboxKind, Part, TurnDecision
from hanfleet.store.texts import Texts
from hanfleet.vault import KeyRing
from tests.integration.store.conversation_steps import ANN, NOON, batch, message
from tests.support.database import SYSTEM, Database
from tests.support.operators import FleetHand


async def test_the_outbox_is_shown_in_clear(
    manager: MultiBotManager, database: Database, hand: FleetHand, bot_id: str
) -> None:
    config = BotConfig.model_validate(
        {
            "bot_id": bot_id,
            "name": "Mira",
            "telegram_api_id": 1,
            "telegram_api_hash": "0123456789abcdef",
            "telegram_bot_token": "12345:abcdefghij",
            "data_isolation": {"encrypt_messages": True},
        }
    )
    await manager.register_bot(config, start=False)
    ring = KeyRing(bot_id, {1: await hand.data_key(bot_id)})
    owner = await database.store(database.urls.owner)
    async with owner.transaction(SYSTEM) as tx:
        tx.use_texts(Texts(ring.seal, ring.open, sealing=True))
        await tx.inbox.take(bot_id, batch(message(1, "Zebedee")), NOON, 0, ring.seal)
        parts = (Part(OutboxKind.DISCLOSURE, "I am an AI, Zebedee."),)
        assert await tx.turns.commit(bot_id, TurnDecision(ANN, 1, parts))
    assert [row.text for row in await manager.outbox(bot_id)] == ["I am an AI, Zebedee."]
    raw = await database.connect()
    assert await raw.fetchval("SELECT count(*) FROM outbox WHERE text <> '' OR text_sealed IS NULL") == 0
