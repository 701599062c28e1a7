"""One walk of a message that never was, rolled back, before the first real one comes.

A connection prepares and plans each statement when it is first used, and Python builds what belongs to it: together
some 30 ms, which otherwise the first contact would wait for. Nothing of it stays: the transaction is never committed.
"""

from contextlib import suppress

from hanfleet import llm
from hanfleet.core.messages import InboundMessage, Person, UpdateBatch
from hanfleet.store.records import OutboxKind, Part, Seal, TurnDecision
from hanfleet.store.session import Transaction
from hanfleet.worker.desk import Desk
from hanfleet.worker.ledger import Step

#: No private chat has this id; a row of it would tell that a rehearsal was committed.
NOBODY = -1


class _Enough(Exception):  # noqa: N818 - no error: it takes the transaction back
    """The walk is over."""


async def rehearse(desk: Desk, seal: Seal) -> None:
    """Walk once through a reply's transactions, and through a request to a model. Raises what the ledger raises."""
    bot_id, now = desk.bot_id, desk.clock.now()
    message = InboundMessage(NOBODY, 1, "…", now, Person(NOBODY))
    decision = TurnDecision(NOBODY, 1, (Part(OutboxKind.DISCLOSURE, "…"),))

    async def walk(tx: Transaction) -> None:
        await tx.inbox.take(bot_id, UpdateBatch(None, (message,)), now, 0.0, seal)
        await tx.conversations.load_turn(bot_id, NOBODY, desk.config.llm.history_limit)
        await tx.turns.commit(bot_id, decision)
        # Later than now: the decision has its own look at the clock.
        head = await tx.outbox.take_head(bot_id, NOBODY, desk.clock.now())
        assert head is not None
        await tx.outbox.mark_sent(bot_id, head.id, 2, now)
        raise _Enough

    with suppress(_Enough):
        await desk.ledger.run(Step.REHEARSE, walk)
    await llm.rehearse()
