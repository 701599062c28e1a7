"""The gates of a turn: reasons not to ask the model. Pure: a context and a clock reading in, a verdict out.

The order is the law's: who opted out hears nothing but the confirmation, a person's takeover comes before everything
that the machine would say, a crisis before sleep.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hanfleet.core.config import BotConfig
from hanfleet.core.messages import Direction, MediaKind
from hanfleet.persona.crisis import speaks_of_crisis
from hanfleet.persona.language import Language, detect_language
from hanfleet.persona.opt_out import Wish, newest_wish
from hanfleet.persona.quiet import quiet_until
from hanfleet.persona.texts import CRISIS, OPTED_OUT
from hanfleet.store.records import MessageRow, TurnContext


@dataclass(frozen=True)
class Silence:
    """Decide to say nothing, for ``reason``."""

    reason: str


@dataclass(frozen=True)
class Notice:
    """Say the product's own ``text``; ``pause`` hands the conversation to a person."""

    reason: str
    text: str
    pause: bool = False


@dataclass(frozen=True)
class Wait:
    """Decide nothing before ``until``."""

    until: datetime


Verdict = Silence | Notice | Wait


def language_of(context: TurnContext, config: BotConfig) -> Language:
    """The language in which the contact writes."""
    theirs = [row.text for row in (*context.history, *context.fresh) if row.direction is Direction.IN]
    return detect_language(theirs, client=context.contact.language, default=config.persona.language)


def first_verdict(context: TurnContext, config: BotConfig, now: datetime) -> Verdict | None:
    """The first gate that closes; None: ask the model."""
    contact, texts = context.contact, [row.text for row in context.fresh]
    if contact.is_bot:
        return Silence("bot")
    if contact.opted_out_at is not None:
        return _opted_out(context, config, contact.opted_out_at, texts)
    if contact.paused_at is not None:
        return Silence("paused")
    if not _has_words(context.fresh):
        # Consent: only who wrote something themselves is answered; an emptied or withdrawn message asks for nothing.
        return Silence("nothing_said")
    if any(speaks_of_crisis(text) for text in texts):
        return Notice("crisis", CRISIS[language_of(context, config)], pause=True)
    until = quiet_until(now, config.quiet_hours)
    return Wait(until) if until else None


def _opted_out(context: TurnContext, config: BotConfig, since: datetime, texts: Sequence[str]) -> Verdict:
    """Confirm it in the turn of the very burst that asked for it; later stop words meet silence."""
    asked_now = bool(context.fresh) and since >= context.fresh[0].created_at
    if asked_now and newest_wish(texts, config.persona.opt_out_words) is Wish.STOP:
        return Notice("opted_out", OPTED_OUT[language_of(context, config)])
    return Silence("opted_out")


def _has_words(fresh: Sequence[MessageRow]) -> bool:
    return any(row.text.strip() or row.media is not MediaKind.NONE for row in fresh)


def is_urgent(text: str, config: BotConfig) -> bool:
    """True for words that must not wait for the rest of a burst."""
    return newest_wish([text], config.persona.opt_out_words) is Wish.STOP or speaks_of_crisis(text)
