"""Which queries `hanfleet bench store` measures: the repositories' own methods, as the product calls them.

A query that the product gains belongs here, or its cost under row level security is known to nobody.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from hanfleet.core.messages import (
    InboundMessage,
    MessageDeletion,
    MessageEdit,
    Person,
    UpdateBatch,
    UpdateState,
)
from hanfleet.store.records import OutboxKind, OutboxRow, Part, ScheduleKind, TurnDecision
from hanfleet.store.session import Transaction

HISTORY = 20


@dataclass(frozen=True)
class Place:
    """Where a query looks: one chat of one bot, one message in it (and its numbers), and the time of the asking."""

    bot_id: str
    chat_id: int
    message_id: UUID
    number: int
    telegram_id: int
    now: datetime


Query = Callable[[Transaction, Place], Awaitable[object]]


def clear(_field: str, content: bytes) -> bytes:
    """A seal that seals nothing: no entities come with these batches."""
    return content


async def _edit(tx: Transaction, at: Place) -> None:
    # The number stays: it is what the search for a word of one message looks for.
    edit = MessageEdit(at.chat_id, at.telegram_id, f"and now it is another soup #{at.number}")
    await tx.inbox.take(at.bot_id, UpdateBatch(None, edits=(edit,)), at.now, 0.0, clear)


async def _delete(tx: Transaction, at: Place) -> None:
    # The next message, for the one here is searched for.
    batch = UpdateBatch(None, deletions=(MessageDeletion((at.telegram_id + 1,)),))
    await tx.inbox.take(at.bot_id, batch, at.now, 0.0, clear)


async def _publish(tx: Transaction, _at: Place) -> None:
    await tx.events.mark_published(await tx.events.unpublished())


#: As the bot's own role.
OF_BOTS: dict[str, Query] = {
    "bot: configuration": lambda tx, at: tx.bots.get(at.bot_id),
    "bot: secrets": lambda tx, at: tx.secrets.all(at.bot_id),
    "bot: session": lambda tx, at: tx.sessions.load(at.bot_id),
    "bot: conversations due": lambda tx, at: tx.conversations.due(at.bot_id, at.now),
    "bot: next conversation due": lambda tx, at: tx.conversations.next_due_at(at.bot_id),
    "bot: oldest unanswered": lambda tx, at: tx.conversations.oldest_unanswered_at(at.bot_id),
    "bot: contact": lambda tx, at: tx.contacts.get(at.bot_id, at.chat_id),
    "bot: load a turn": lambda tx, at: tx.conversations.load_turn(at.bot_id, at.chat_id, HISTORY),
    "bot: outbox, what is ready": lambda tx, at: tx.outbox.next(at.bot_id, at.now),
    "bot: outbox, when next": lambda tx, at: tx.outbox.next_at(at.bot_id),
    "bot: facts": lambda tx, at: tx.facts.known(at.bot_id, at.chat_id),
    "bot: newest summary": lambda tx, at: tx.summaries.newest(at.bot_id, at.chat_id),
    "bot: schedules due": lambda tx, at: tx.schedules.due(at.bot_id, at.now),
    "bot: learn two facts": lambda tx, at: tx.facts.learn(at.bot_id, at.chat_id, {"work": "a baker", "pets": "a cat"}),
    "bot: add a summary": lambda tx, at: tx.summaries.add(
        at.bot_id, at.chat_id, "They talked about bread.", through=at.message_id
    ),
    "bot: plan a follow-up": lambda tx, at: tx.schedules.plan(
        at.bot_id, at.chat_id, ScheduleKind.FOLLOW_UP, at.now + timedelta(hours=4)
    ),
    "bot: record three metrics": lambda tx, at: tx.metrics.record(
        at.bot_id, {"messages_in": 3.0, "messages_out": 2.0, "answer_latency_ms": 12.5}, at.now
    ),
    "bot: save its place": lambda tx, at: tx.sessions.save_state(at.bot_id, UpdateState(1, 1, at.now, 1)),
    "bot: a message was edited": _edit,
    "bot: a message was deleted": _delete,
    "bot: put a turn off": lambda tx, at: tx.conversations.postpone(at.bot_id, at.chat_id, at.now),
    "bot: a contact opts out": lambda tx, at: tx.contacts.set_opted_out(at.bot_id, at.chat_id, at.now),
    "bot: a contact opts in again": lambda tx, at: tx.contacts.set_opted_out(at.bot_id, at.chat_id, None),
}

#: As the API's role, for an operator of all bots.
OF_OPERATORS: dict[str, Query] = {
    "api: bot": lambda tx, at: tx.bots.get(at.bot_id),
    "api: all bots": lambda tx, at: tx.bots.list(),  # noqa: ARG005 - the port's shape
    "api: contact": lambda tx, at: tx.contacts.get(at.bot_id, at.chat_id),
    "api: 100 contacts": lambda tx, at: tx.contacts.list(at.bot_id),
    "api: conversation": lambda tx, at: tx.conversations.get(at.bot_id, at.chat_id),
    "api: 100 newest messages": lambda tx, at: tx.messages.list(at.bot_id, at.chat_id),
    "api: message": lambda tx, at: tx.messages.get(at.bot_id, at.message_id),
    "api: 100 outbox rows": lambda tx, at: tx.outbox.page(at.bot_id),
    "api: 100 events of a day": lambda tx, at: tx.events.list(
        bot_id=at.bot_id, since=at.now - timedelta(days=1), limit=100
    ),
    "api: an hour of metrics": lambda tx, at: tx.metrics.list(
        at.bot_id, "answer_latency_ms", at.now - timedelta(hours=1)
    ),
    "api: 100 events of a day, all bots": lambda tx, at: tx.events.list(since=at.now - timedelta(days=1), limit=100),
    "api: 100 audit entries": lambda tx, at: tx.audit.page(bot_id=at.bot_id),
    "api: 100 audit entries, all bots": lambda tx, at: tx.audit.page(),  # noqa: ARG005 - the port's shape
    "api: take over": lambda tx, at: tx.contacts.set_paused(at.bot_id, at.chat_id, at.now),
    "api: hand back": lambda tx, at: tx.contacts.set_paused(at.bot_id, at.chat_id, None),
}

#: As the relay's role: what waits is read, and marked as published.
OF_RELAY: dict[str, Query] = {"relay: publish what waits": _publish}

#: As the API's role, through a definer function that no policy binds: a word of one message, and one of most of them.
SEARCHES: dict[str, Query] = {
    "search: a word of one message": lambda tx, at: tx.messages.search(at.bot_id, str(at.number)),
    "search: a word of every other": lambda tx, at: tx.messages.search(at.bot_id, "lake"),
}

#: The message path, in order; each step is a transaction of its own.
PATH = (
    "path: take a message",
    "path: load the turn",
    "path: commit the turn",
    "path: begin to send",
    "path: mark sent",
)


def batch(place: Place, telegram_ids: range) -> UpdateBatch:
    """New messages of the place's contact."""
    person = Person(place.chat_id, "Contact", None, "en")
    return UpdateBatch(
        UpdateState(telegram_ids[-1], 1, place.now, 1),
        tuple(
            InboundMessage(place.chat_id, number, f"and then we had soup #{number}", place.now, person)
            for number in telegram_ids
        ),
    )


def decision(place: Place, newest_inbound: int) -> TurnDecision:
    """One reply."""
    part = Part(OutboxKind.REPLY, "Soup is what I would have chosen, too. Which one was it, and who cooked?")
    return TurnDecision(place.chat_id, newest_inbound, (part,))


async def begin(tx: Transaction, place: Place) -> OutboxRow:
    """The head of the chat, marked as being sent."""
    row = await tx.outbox.take_head(place.bot_id, place.chat_id, place.now)
    assert row is not None, "the turn has just put it there"
    return row
