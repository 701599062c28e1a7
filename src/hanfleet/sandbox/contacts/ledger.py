"""What a simulated contact saw: every message that it sent and every reply that reached it, from its own side alone.

A ledger is evidence. It holds no opinion; the judge has that.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class SentMessage:
    """A message that the contact's Telegram took.

    ``sent_at`` and ``sent_monotonic`` are the moment when the attempt that may have delivered it began; ``telegram_id``
    is the contact's own id for it, None while only a history reading could tell. ``text`` is as sent, before any edit.
    """

    nonce: str
    bot: str
    contact: str
    text: str
    burst: int
    sent_at: datetime
    sent_monotonic: float
    telegram_id: int | None


@dataclass(frozen=True)
class ReceivedReply:
    """A message from the bot. ``live`` is false when it was found only in the history, so its arrival is not known."""

    bot: str
    contact: str
    text: str
    nonces: tuple[str, ...]
    telegram_id: int
    arrived_at: datetime
    arrived_monotonic: float
    live: bool = True


@dataclass(frozen=True)
class Ledger:
    """One contact's evidence about one bot. ``contact_id`` is the contact's Telegram user id: the bot's chat id.

    ``history_read`` tells whether the final reading of the history worked, by whichever way.
    """

    bot: str
    contact: str
    contact_id: int
    sent: tuple[SentMessage, ...]
    received: tuple[ReceivedReply, ...]
    history_read: bool
