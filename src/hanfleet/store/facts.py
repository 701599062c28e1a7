"""Facts: what is known of a contact, one sentence a topic; what was learned last counts."""

from collections.abc import Mapping

from sqlalchemy import text

from hanfleet.store.connection import Connection, storable

_LEARN = text("""
    INSERT INTO facts (bot_id, chat_id, topic, fact, learned_at)
    SELECT :bot_id, :chat_id, topic, fact, :now
    FROM unnest(CAST(:topics AS text[]), CAST(:facts AS text[])) AS given (topic, fact)
    ON CONFLICT (bot_id, chat_id, topic) DO UPDATE SET fact = excluded.fact, learned_at = excluded.learned_at""")
_KNOWN = text("SELECT topic, fact FROM facts WHERE bot_id = :bot_id AND chat_id = :chat_id ORDER BY topic")


class Facts:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def learn(self, bot_id: str, chat_id: int, facts: Mapping[str, str]) -> None:
        """Put ``facts`` (topic → sentence) in place of what was known of those topics. Refuses empty ones."""
        await self._connection.all(
            _LEARN,
            bot_id=bot_id,
            chat_id=chat_id,
            topics=[storable(topic) for topic in facts],
            facts=[storable(fact) for fact in facts.values()],
            now=self._connection.clock.now(),
        )

    async def known(self, bot_id: str, chat_id: int) -> dict[str, str]:
        """Sentences by topic."""
        rows = await self._connection.all(_KNOWN, bot_id=bot_id, chat_id=chat_id)
        return {row.topic: row.fact for row in rows}
