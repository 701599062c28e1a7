"""One decision to answer, read top to bottom: load → gates → prompt → model → guard → parts → commit (walk 1, step 3).

A turn holds nothing: killed anywhere, the next process loads the same context and decides again, and the commit lets
only one decision per newest inbound message stand.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hanfleet.core.config import BotConfig
from hanfleet.core.errors import ModelError, ModelRefusedError
from hanfleet.core.messages import Direction
from hanfleet.kit.logging import get_logger
from hanfleet.persona.guard import Intervention, guard_reply
from hanfleet.persona.language import Language
from hanfleet.persona.texts import fallback_text
from hanfleet.store.records import OutboxKind, OutboxRow, TurnContext, TurnDecision
from hanfleet.store.session import Transaction
from hanfleet.worker.desk import Desk
from hanfleet.worker.gates import Notice, Silence, Wait, first_verdict, language_of
from hanfleet.worker.ledger import Step
from hanfleet.worker.reply import asked_whether_machine, model_request, plan_parts

_MODEL_AWAY_S, _MODEL_REFUSES_S = 60.0, 300.0
_log = get_logger("turn")


@dataclass(frozen=True)
class TurnEnd:
    """``head``: the chat's next message to send, marked as being sent where it may go at once. ``again_at``: not yet
    decided, look again then.
    """

    head: OutboxRow | None = None
    again_at: datetime | None = None


@dataclass(frozen=True)
class _Turn:
    """One turn on its way. ``takeovers`` is the chat's count before it began: of persons, and of urgent words."""

    context: TurnContext
    config: BotConfig
    language: Language
    merge_wait_ms: int
    takeovers: int

    @property
    def chat_id(self) -> int:
        return self.context.contact.chat_id


class TurnMaker:
    """Decides the turns of one bot, any number at a time but one per chat."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._in_vain: set[int] = set()

    async def take(self, chat_id: int, *, urgent: bool = False, context: TurnContext | None = None) -> TurnEnd:
        """Decide what is due in ``chat_id``. ``urgent``: before the burst is over. ``context`` spares a load."""
        config, takeovers = self._desk.config, self._desk.takeovers[chat_id]
        context = context or await self._load(chat_id)
        if context is None or context.conversation.reply_due_at is None:
            return TurnEnd()
        now = self._desk.clock.now()
        if context.conversation.reply_due_at > now and not urgent:
            return TurnEnd(again_at=context.conversation.reply_due_at)
        merge_wait_ms = 0 if urgent else round(config.pacing.wait_for_more_s * 1000)
        turn = _Turn(context, config, language_of(context, config), merge_wait_ms, takeovers)
        match first_verdict(context, config, now):
            case Wait(until):
                return await self._postpone(chat_id, until)
            case Silence(reason):
                return await self._commit(turn, TurnDecision(chat_id, context.newest_inbound, reason=reason))
            case Notice(reason, text, pause):
                decision = self._decision(turn, text, OutboxKind.NOTICE)
                return await self._commit(turn, replace(decision, reason=reason), pause=pause)
        return await self._answer(turn)

    async def _answer(self, turn: _Turn) -> TurnEnd:
        try:
            answer = await self._desk.model.answer(model_request(turn.context, turn.config))
        except ModelError as failed:
            return await self._without_model(turn, failed)
        asked = asked_whether_machine(turn.context)
        guarded = guard_reply(answer.text, asked=asked, persona=turn.config.persona, language=turn.language)
        if guarded.intervention is not Intervention.NONE:
            _log.warning("the guard stepped in", chat_id=turn.chat_id, intervention=guarded.intervention)
        decision = self._decision(turn, guarded.text, OutboxKind.REPLY)
        # What the model's server remembers it said must be what was said; else the next request goes on from before it.
        remembered = answer.response_id if guarded.intervention is Intervention.NONE else None
        return await self._commit(
            turn, replace(decision, response_id=remembered, model_ms=round(answer.elapsed_s * 1000))
        )

    async def _without_model(self, turn: _Turn, failed: ModelError) -> TurnEnd:
        """The fallback, once; while it was the last thing said, the contact waits for the model to come back."""
        fallback = fallback_text(turn.config.persona, turn.language)
        _log.warning("the model failed", chat_id=turn.chat_id, error=str(failed))
        said = [row.text for row in turn.context.history if row.direction is Direction.OUT]
        if said and said[-1] == fallback:
            pause = _MODEL_REFUSES_S if isinstance(failed, ModelRefusedError) else _MODEL_AWAY_S
            return await self._postpone(turn.chat_id, self._desk.clock.now() + timedelta(seconds=pause))
        decision = self._decision(turn, fallback, OutboxKind.FALLBACK)
        return await self._commit(turn, replace(decision, reason="fallback"))

    def _decision(self, turn: _Turn, text: str, kind: OutboxKind) -> TurnDecision:
        parts = plan_parts(
            turn.context,
            turn.config,
            text,
            kind=kind,
            merge_wait_ms=turn.merge_wait_ms,
            chance=self._desk.chance,
        )
        # Who writes faster than the model thinks is answered at the second try, up to what the model was asked.
        through = turn.context.fresh[-1].id if turn.chat_id in self._in_vain else None
        return TurnDecision(turn.chat_id, turn.context.newest_inbound, parts, through=through)

    async def _load(self, chat_id: int) -> TurnContext | None:
        bot_id, limit = self._desk.bot_id, self._desk.config.llm.history_limit
        return await self._desk.ledger.run(
            Step.LOAD_TURN, lambda tx: tx.conversations.load_turn(bot_id, chat_id, limit)
        )

    async def _postpone(self, chat_id: int, until: datetime) -> TurnEnd:
        bot_id = self._desk.bot_id
        await self._desk.ledger.run(Step.POSTPONE, lambda tx: tx.conversations.postpone(bot_id, chat_id, until))
        return TurnEnd(again_at=until)

    async def _commit(self, turn: _Turn, decision: TurnDecision, *, pause: bool = False) -> TurnEnd:
        """Write the decision, and take its first part up for sending in the same transaction.

        Not when a person took over while the model thought, or words came that must not wait: the next look at the rows
        finds them. Of any other newer message the store decides by itself.
        """
        bot_id, chat_id = self._desk.bot_id, decision.chat_id

        async def commit(tx: Transaction) -> tuple[bool, OutboxRow | None]:
            if self._desk.takeovers[chat_id] != turn.takeovers or not await tx.turns.commit(bot_id, decision):
                return False, None
            if pause:
                await tx.contacts.set_paused(bot_id, chat_id, self._desk.clock.now())
            if not decision.parts:
                return True, None
            return True, await tx.outbox.take_head(bot_id, chat_id, self._desk.clock.now())

        stands, head = await self._desk.ledger.run(Step.COMMIT_TURN, commit)
        if not stands:
            # A newer message has set a new due time; whatever else changed, the next look finds it.
            self._in_vain.add(chat_id)
            _log.info("a turn is done again", chat_id=chat_id)
            return TurnEnd(again_at=self._desk.clock.now())
        self._in_vain.discard(chat_id)
        _log.info(
            "a turn is decided",
            chat_id=chat_id,
            reason=decision.reason,
            parts=len(decision.parts),
            ms=decision.model_ms,
        )
        return TurnEnd(head=head)
