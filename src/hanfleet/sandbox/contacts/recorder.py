"""The growing evidence of one contact: what was tried, what was sent, what arrived.

Live sightings come first and keep their times; a reading of the history adds what nobody saw live, and settles which of
the uncertain sends went out after all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hanfleet.kit.clock import Clock
from hanfleet.sandbox.contacts.chat import Delivery, HistoryEntry
from hanfleet.sandbox.contacts.ledger import Ledger, ReceivedReply, SentMessage
from hanfleet.sandbox.llm.nonces import find_nonces


@dataclass(frozen=True)
class Attempt:
    """A message that was about to be sent; it counts only when something shows that it was."""

    nonce: str
    text: str
    burst: int


class Recorder:
    """The evidence of one contact about one bot."""

    def __init__(self, bot: str, contact: str, clock: Clock) -> None:
        self._bot = bot
        self._contact = contact
        self._clock = clock
        self._uncertain: dict[str, SentMessage] = {}
        self._sent: dict[str, SentMessage] = {}
        self._received: dict[int, ReceivedReply] = {}
        self._answered: set[str] = set()

    @property
    def sent(self) -> int:
        return len(self._sent)

    @property
    def replies(self) -> int:
        return len(self._received)

    def attempt(self, attempt: Attempt) -> None:
        """Note an attempt before its first byte leaves."""
        self._uncertain[attempt.nonce] = SentMessage(
            attempt.nonce,
            self._bot,
            self._contact,
            attempt.text,
            attempt.burst,
            self._clock.now(),
            self._clock.monotonic(),
            None,
        )

    def confirm(self, nonce: str, delivery: Delivery) -> SentMessage:
        """The attempt was delivered."""
        message = replace(
            self._uncertain.pop(nonce),
            sent_at=delivery.began_at,
            sent_monotonic=delivery.began_monotonic,
            telegram_id=delivery.telegram_id,
        )
        self._sent[nonce] = message
        return message

    def arrive(self, telegram_id: int, text: str) -> ReceivedReply | None:
        """A reply was seen live; None when it was seen before."""
        return self._receive(telegram_id, text, live=True)

    def settle(self, history: Iterable[HistoryEntry]) -> None:
        """Add what the history shows: replies that nobody saw live, own messages whose sending was uncertain."""
        for entry in history:
            if not entry.outgoing:
                self._receive(entry.telegram_id, entry.text, live=False)
                continue
            for nonce in find_nonces(entry.text):
                if nonce in self._uncertain:
                    self._sent[nonce] = replace(self._uncertain.pop(nonce), telegram_id=entry.telegram_id)
                elif nonce in self._sent and self._sent[nonce].telegram_id is None:
                    self._sent[nonce] = replace(self._sent[nonce], telegram_id=entry.telegram_id)

    def unanswered(self) -> frozenset[str]:
        """Nonces that were sent and are in no reply so far."""
        return frozenset(self._sent) - self._answered

    def ledger(self, contact_id: int, *, history_read: bool) -> Ledger:
        """The evidence so far."""
        return Ledger(
            self._bot,
            self._contact,
            contact_id,
            tuple(self._sent.values()),
            tuple(self._received[number] for number in sorted(self._received)),
            history_read,
        )

    def _receive(self, telegram_id: int, text: str, *, live: bool) -> ReceivedReply | None:
        if telegram_id in self._received:
            return None
        reply = ReceivedReply(
            self._bot,
            self._contact,
            text,
            find_nonces(text),
            telegram_id,
            self._clock.now(),
            self._clock.monotonic(),
            live,
        )
        self._received[telegram_id] = reply
        self._answered.update(reply.nonces)
        return reply
