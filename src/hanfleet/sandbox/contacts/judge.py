"""The verdict over a run, from the contacts' side alone: what was asked, answered, lost and doubled.

It looks at ledgers and at nothing of the product, so the product cannot talk itself fine. Planned waits and model time
are not known here; whoever knows them subtracts them from each answer's latency.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hanfleet.sandbox.contacts.ledger import Ledger, ReceivedReply, SentMessage


@dataclass(frozen=True)
class TimedAnswer:
    """One reply that carries nonces and was seen arriving. ``latency_s`` = arrival − newest message that it answers.

    A burst that was answered in two turns thus gives two answers, each timed from the last message of its own part.
    """

    bot: str
    contact: str
    contact_id: int
    telegram_id: int
    nonces: tuple[str, ...]
    text: str
    burst_end_monotonic: float
    arrived_monotonic: float

    @property
    def latency_s(self) -> float:
        return self.arrived_monotonic - self.burst_end_monotonic


@dataclass(frozen=True)
class BotVerdict:
    """One bot's account. ``lost``: nonces in no reply. ``doubled``: nonces in two or more different messages.

    ``strange``: nonces in a reply to somebody who never sent them, which must not happen at all.
    """

    bot: str
    received: int
    answered: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    strange: tuple[str, ...]
    answers: tuple[TimedAnswer, ...]


@dataclass(frozen=True)
class Verdict:
    """All bots of a run, sorted by name. ``unread`` names contacts whose final history could not be read."""

    bots: tuple[BotVerdict, ...]
    unread: tuple[str, ...]

    @property
    def lost(self) -> int:
        return sum(len(bot.lost) for bot in self.bots)

    @property
    def doubled(self) -> int:
        return sum(len(bot.doubled) for bot in self.bots)

    @property
    def received(self) -> int:
        return sum(bot.received for bot in self.bots)

    @property
    def answered(self) -> int:
        return sum(bot.answered for bot in self.bots)

    def of(self, bot: str) -> BotVerdict:
        """One bot's account; KeyError when nobody wrote to it."""
        for verdict in self.bots:
            if verdict.bot == bot:
                return verdict
        raise KeyError(bot)


def judge(ledgers: Iterable[Ledger]) -> Verdict:
    """Weigh the evidence of a run."""
    by_bot: dict[str, list[Ledger]] = defaultdict(list)
    every = list(ledgers)
    for ledger in every:
        by_bot[ledger.bot].append(ledger)
    return Verdict(
        bots=tuple(_judge_bot(bot, of_bot) for bot, of_bot in sorted(by_bot.items())),
        unread=tuple(sorted(ledger.contact for ledger in every if not ledger.history_read)),
    )


def _judge_bot(bot: str, ledgers: Sequence[Ledger]) -> BotVerdict:
    lost: list[str] = []
    doubled: list[str] = []
    strange: list[str] = []
    answers: list[TimedAnswer] = []
    received = answered = 0
    for ledger in ledgers:
        sent = {message.nonce: message for message in ledger.sent}
        replies = _one_per_message(ledger.received)
        carriers: dict[str, int] = defaultdict(int)
        for reply in replies:
            for nonce in set(reply.nonces):
                carriers[nonce] += 1
        received += len(sent)
        answered += sum(1 for nonce in sent if carriers[nonce])
        lost += [nonce for nonce in sent if not carriers[nonce]]
        doubled += [nonce for nonce in sent if carriers[nonce] > 1]
        strange += [nonce for nonce in carriers if nonce not in sent]
        answers += [answer for reply in replies if (answer := _timed(ledger, sent, reply)) is not None]
    return BotVerdict(bot, received, answered, tuple(lost), tuple(doubled), tuple(strange), tuple(answers))


def _one_per_message(replies: Iterable[ReceivedReply]) -> list[ReceivedReply]:
    """The first sighting of each Telegram message: an edit or a second reading is no second message."""
    first: dict[int, ReceivedReply] = {}
    for reply in replies:
        known = first.get(reply.telegram_id)
        if known is None or (reply.live and not known.live):
            first[reply.telegram_id] = reply
    return list(first.values())


def _timed(ledger: Ledger, sent: dict[str, SentMessage], reply: ReceivedReply) -> TimedAnswer | None:
    asked = [sent[nonce].sent_monotonic for nonce in reply.nonces if nonce in sent]
    if not asked or not reply.live:
        return None
    return TimedAnswer(
        ledger.bot,
        ledger.contact,
        ledger.contact_id,
        reply.telegram_id,
        reply.nonces,
        reply.text,
        max(asked),
        reply.arrived_monotonic,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank of ``values`` at ``share`` (0 to 1); ValueError when there are none."""
    if not values:
        raise ValueError("A percentile needs at least one value.")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
