"""Taking updates in: one transaction, and only then they count as taken (walk 1, step 2).

An opt-out holds from the same transaction on, so nothing that was planned before goes out after it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from hanfleet.core.config import BotConfig
from hanfleet.core.messages import InboundMessage, UpdateBatch
from hanfleet.kit.logging import get_logger
from hanfleet.persona.opt_out import Wish, newest_wish
from hanfleet.store.records import TakenBatch, TurnContext
from hanfleet.store.session import Transaction
from hanfleet.worker.desk import Desk
from hanfleet.worker.gates import is_urgent
from hanfleet.worker.ledger import Step

#: (field, clear bytes) → sealed bytes, for this bot.
Seal = Callable[[str, bytes], bytes]

_CONTEXTS_AT_ONCE = 4

_log = get_logger("inbox")


class Arrivals(Protocol):
    """Who wants to know of messages that came in: the lanes."""

    def arrived(self, chat_id: int, due_at: datetime, *, urgent: bool, context: TurnContext | None = None) -> None: ...


@dataclass
class _Taking:
    """One batch on its way in. ``tries`` > 1: a commit's answer was lost, so "nothing new" may not be true."""

    tries: int = 0
    contexts: dict[int, TurnContext] = field(default_factory=dict)


class Inbox:
    """The transport's `on_batch`."""

    def __init__(self, desk: Desk, seal: Seal, arrivals: Arrivals) -> None:
        self._desk = desk
        self._seal = seal
        self._arrivals = arrivals

    async def take(self, batch: UpdateBatch) -> None:
        """Store the batch with its state, then tell the lanes. Raises when the database stays away."""
        config, now = self._desk.config, self._desk.clock.now()
        taking = _Taking()

        async def take(tx: Transaction) -> TakenBatch:
            taking.tries += 1
            taken = await tx.inbox.take(self._desk.bot_id, batch, now, config.pacing.wait_for_more_s, self._seal)
            fresh = _fresh_texts(batch, taken)
            for chat_id, texts in fresh.items():
                await self._heed(tx, chat_id, newest_wish(texts, config.persona.opt_out_words), now)
            if config.pacing.wait_for_more_s == 0 and len(fresh) <= _CONTEXTS_AT_ONCE:
                # Due at once: what the turn needs is read here, which spares the reply a transaction.
                await self._read_along(tx, fresh, taking, config)
            return taken

        taken = await self._desk.ledger.run(Step.INBOX, take)
        self._desk.tally.last_update_at = now
        self._desk.tally.messages_in += len(taken.fresh)
        if taken.fresh:
            _log.info("messages taken", chats=sorted({one.chat_id for one in taken.fresh}), count=len(taken.fresh))
        self._tell(batch, taken, taking, config, now)

    async def _heed(self, tx: Transaction, chat_id: int, wish: Wish | None, now: datetime) -> None:
        if wish is Wish.STOP:
            await tx.contacts.set_opted_out(self._desk.bot_id, chat_id, now)
        elif wish is Wish.RESUME:
            await tx.contacts.set_opted_out(self._desk.bot_id, chat_id, None)

    async def _read_along(
        self, tx: Transaction, fresh: dict[int, list[str]], taking: _Taking, config: BotConfig
    ) -> None:
        taking.contexts.clear()
        for chat_id in fresh:
            context = await tx.conversations.load_turn(self._desk.bot_id, chat_id, config.llm.history_limit)
            if context is not None:
                taking.contexts[chat_id] = context

    def _tell(self, batch: UpdateBatch, taken: TakenBatch, taking: _Taking, config: BotConfig, now: datetime) -> None:
        self._desk.takeovers.update(taken.taken_over)
        texts = _fresh_texts(batch, taken)
        if taking.tries > 1:
            for message in batch.messages:
                if not message.outgoing:
                    texts.setdefault(message.chat_id, []).append(message.text)
        # When what is new cannot be told apart any more, the turn itself looks when it is due.
        due = {one.chat_id: one.due_at for one in taken.fresh}
        for chat_id, said in texts.items():
            self._desk.arrivals[chat_id] = self._desk.clock.monotonic()
            urgent = any(is_urgent(text, config) for text in said)
            if urgent:
                self._desk.takeovers[chat_id] += 1  # whatever is being decided on what came before must not stand
            context = taking.contexts.get(chat_id)
            self._arrivals.arrived(chat_id, due.get(chat_id, now), urgent=urgent, context=context)


def _fresh_texts(batch: UpdateBatch, taken: TakenBatch) -> dict[int, list[str]]:
    """Chat → texts of the messages that were new to the store, in order."""
    said: dict[tuple[int, int], InboundMessage] = {(one.chat_id, one.telegram_id): one for one in batch.messages}
    texts: dict[int, list[str]] = {}
    for fresh in taken.fresh:
        texts.setdefault(fresh.chat_id, []).append(said[fresh.chat_id, fresh.telegram_id].text)
    return texts
