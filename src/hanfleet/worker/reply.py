"""From a turn's context to what the model is asked, and from its words to the parts that go out. Pure."""

import random

from hanfleet.core.config import BotConfig
from hanfleet.core.messages import Author, Direction
from hanfleet.llm import ModelRequest, Said
from hanfleet.persona.honesty import asks_whether_machine
from hanfleet.persona.pacing import reading_seconds, typing_seconds
from hanfleet.persona.profile import read_profile
from hanfleet.persona.prompt import assemble_instructions, message_words
from hanfleet.persona.splitting import split_reply
from hanfleet.persona.texts import disclosure_text
from hanfleet.store.records import MessageRow, OutboxKind, Part, TurnContext
from hanfleet.worker.gates import language_of


def model_request(context: TurnContext, config: BotConfig) -> ModelRequest:
    """The burst as one text joined by newlines, with all that came before it."""
    contact = read_profile(context.contact.name, context.contact.profile_data)
    people_wrote = any(row.author in (Author.OWNER, Author.OPERATOR) for row in context.history)
    return ModelRequest(
        instructions=assemble_instructions(config.persona, contact, language_of(context, config)),
        history=tuple(_said(row) for row in context.history if _words(row)),
        message="\n".join(filter(None, map(_words, context.fresh))),
        # The model's server has not heard what a person wrote in its place, so its memory would be wrong.
        previous_response_id=None if people_wrote else context.conversation.response_id,
    )


def asked_whether_machine(context: TurnContext) -> bool:
    """True when the burst asks what is writing."""
    return any(asks_whether_machine(row.text) for row in context.fresh)


def plan_parts(
    context: TurnContext,
    config: BotConfig,
    text: str,
    *,
    kind: OutboxKind,
    merge_wait_ms: int,
    chance: random.Random,
) -> tuple[Part, ...]:
    """The disclosure, where it was not delivered yet, then ``text`` in parts, each with its planned waits.

    ``read_wait_ms`` of a part counts from the decision to the beginning of its typing: reading, and writing the parts
    before it. So its sending is due at decision + read_wait + typing, which a restart does not change. The product's
    own notices wait for nothing.
    """
    parts = []
    if context.contact.disclosed_at is None and not context.disclosure_pending:
        disclosure = disclosure_text(config.persona, language_of(context, config))
        parts.append(Part(OutboxKind.DISCLOSURE, disclosure, merge_wait_ms=merge_wait_ms))
    paced = kind is not OutboxKind.NOTICE
    heard = "\n".join(row.text for row in context.fresh)
    begin = reading_seconds(heard, config.pacing) if paced else 0.0
    for piece in split_reply(text, config.pacing.split_at_chars):
        typing = typing_seconds(piece, config.pacing, chance) if paced else 0.0
        parts.append(Part(kind, piece, merge_wait_ms, _ms(begin), _ms(typing)))
        begin += typing
    return tuple(parts)


def _said(row: MessageRow) -> Said:
    return Said("user" if row.direction is Direction.IN else "assistant", _words(row))


def _words(row: MessageRow) -> str:
    return message_words(row.text, row.media)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
