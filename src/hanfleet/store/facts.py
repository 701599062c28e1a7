"""Facts: what is known of a contact, one sentence a topic; what was learned last counts."""

from collections.abc import Mapping

from sqlalchemy import text

from hanfleet.store.connection import Connection, storable
from hanfleet.store.texts import KeptText

_LEARN = text("""
    INSERT INTO facts (bot_id, chat_id, topic, fact, fact_sealed, learned_at)
    SELECT :bot_id, :chat_id, topic, fact, decode(fact_sealed, 'hex'), :now
    FROM unnest(CAST(:topics AS text[]), CAST(:facts AS text[]), CAST(:sealed AS text[]))
        AS given (topic, fact, fact_sealed)
    ON CONFLICT (bot_id, chat_id, topic) DO UPDATE
    SET fact = excluded.fact, fact_sealed = excluded.fact_sealed, learned_at = excluded.learned_at""")
_KNOWN = text("SELECT topic, fact, fact_sealed FROM facts WHERE bot_id = :bot_id AND chat_id = :chat_id ORDER BY topic")


class Facts:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def learn(self, bot_id: str, chat_id: int, facts: Mapping[str, str]) -> None:
        """Put ``facts`` (topic → sentence) in place of what was known of those topics. Refuses empty ones."""
        topics = [storable(topic) for topic in facts]
        kept: list[KeptText] = [
            self._connection.texts.keep(fact_field(chat_id, topic), fact)
            for topic, fact in zip(topics, facts.values(), strict=True)
        ]
        await self._connection.all(
            _LEARN,
            bot_id=bot_id,
            chat_id=chat_id,
            topics=topics,
            facts=[one.clear for one in kept],
            sealed=[one.sealed for one in kept],
            now=self._connection.clock.now(),
        )

    async def known(self, bot_id: str, chat_id: int) -> dict[str, str]:
        """Sentences by topic."""
        rows = await self._connection.all(_KNOWN, bot_id=bot_id, chat_id=chat_id)
        texts = self._connection.texts
        return {row.topic: texts.read(fact_field(chat_id, row.topic), row.fact, row.fact_sealed) for row in rows}


def fact_field(chat_id: int, topic: str) -> str:
    """The field for which a fact is sealed."""
    return f"fact:{chat_id}:{topic}"
