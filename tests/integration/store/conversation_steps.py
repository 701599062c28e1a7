"""Short words for what store tests do over and over."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hanfleet.core.messages import InboundMessage, Person, UpdateBatch, UpdateState
from hanfleet.store.records import OutboxKind, OutboxRow, Part, TakenBatch, TurnContext, TurnDecision
from tests.support.database import BotLogIn

#: These tests' time. Bots write events of now alone: of a day back at most, and what comes a day after it is no future.
NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=23)
ANN = 501


def clear(_field: str, content: bytes) -> bytes:
    """A seal that seals nothing."""
    return content


def message(
    telegram_id: int, text: str = "hello", *, chat_id: int = ANN, outgoing: bool = False, at: datetime = NOON
) -> InboundMessage:
    return InboundMessage(chat_id, telegram_id, text, at, Person(chat_id, "Ann", "ann", "en"), outgoing=outgoing)


def batch(*messages: InboundMessage, pts: int = 2) -> UpdateBatch:
    return UpdateBatch(UpdateState(pts, 1, NOON, 1), messages)


async def take(bot: BotLogIn, *messages: InboundMessage, now: datetime = NOON, wait: float = 4.0) -> TakenBatch:
    async with bot.store.transaction(bot.principal) as tx:
        return await tx.inbox.take(bot.bot_id, batch(*messages), now, wait, clear)


async def load(bot: BotLogIn, chat_id: int = ANN, history_limit: int = 20) -> TurnContext:
    async with bot.store.transaction(bot.principal) as tx:
        context = await tx.conversations.load_turn(bot.bot_id, chat_id, history_limit)
    assert context is not None
    return context


async def decide(bot: BotLogIn, context: TurnContext, *texts: str) -> bool:
    """Commit a turn: the disclosure first where it is due, then ``texts``."""
    parts = [Part(OutboxKind.REPLY, text, typing_ms=700) for text in texts]
    if context.contact.disclosed_at is None and not context.disclosure_pending:
        parts.insert(0, Part(OutboxKind.DISCLOSURE, "I am an AI."))
    decision = TurnDecision(context.contact.chat_id, context.newest_inbound, tuple(parts), response_id="r1", model_ms=9)
    async with bot.store.transaction(bot.principal) as tx:
        return await tx.turns.commit(bot.bot_id, decision)


async def ready(bot: BotLogIn, now: datetime = NOON) -> Sequence[OutboxRow]:
    async with bot.store.transaction(bot.principal) as tx:
        return await tx.outbox.next(bot.bot_id, now)


async def begin_send(bot: BotLogIn, row: OutboxRow) -> bool:
    async with bot.store.transaction(bot.principal) as tx:
        return await tx.outbox.mark_sending(bot.bot_id, row.id, NOON)


async def end_send(bot: BotLogIn, row: OutboxRow, telegram_id: int | None) -> None:
    async with bot.store.transaction(bot.principal) as tx:
        await tx.outbox.mark_sent(bot.bot_id, row.id, telegram_id, NOON)


async def send(bot: BotLogIn, row: OutboxRow, telegram_id: int | None) -> None:
    assert await begin_send(bot, row)
    await end_send(bot, row, telegram_id)


async def disclose(bot: BotLogIn, first_id: int = 1) -> None:
    """Walk through a first turn, so that the contact knows."""
    await take(bot, message(first_id))
    assert await decide(bot, await load(bot), "hi")
    for offset in (1, 2):
        (row,) = await ready(bot)
        await send(bot, row, first_id + offset)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


async def take_up(bot: BotLogIn, now: datetime) -> OutboxRow | None:
    """The head of Ann's chat, as the worker takes it."""
    async with bot.store.transaction(bot.principal) as tx:
        return await tx.outbox.take_head(bot.bot_id, ANN, now)
