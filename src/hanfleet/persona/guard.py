"""The last look at a model's words before they become a reply. It lets no lie about being an AI through, and nothing
empty; it never edits a sentence: a reply that lies is replaced whole, since its other sentences lean on the lie.
"""

from dataclasses import dataclass
from enum import StrEnum

from hanfleet.core.config import PersonaConfig
from hanfleet.persona.honesty import claims_to_be_human, says_it_is_ai
from hanfleet.persona.language import Language
from hanfleet.persona.texts import TRUTH, fallback_text


class Intervention(StrEnum):
    """What the guard did to a reply; the word goes into logs and metrics, the text does not."""

    NONE = "none"
    EMPTY = "empty"
    LIE = "lie"
    TRUTH_ADDED = "truth_added"


@dataclass(frozen=True)
class GuardedReply:
    """What may be sent."""

    text: str
    intervention: Intervention


def guard_reply(text: str, *, asked: bool, persona: PersonaConfig, language: Language) -> GuardedReply:
    """``asked``: the contact asked whether it talks to a machine, so the reply must say so."""
    reply = text.replace("\x00", "").strip()
    if not any(char.isprintable() and not char.isspace() for char in reply):
        if asked:
            return GuardedReply(TRUTH[language], Intervention.TRUTH_ADDED)
        return GuardedReply(fallback_text(persona, language), Intervention.EMPTY)
    if claims_to_be_human(reply):
        return GuardedReply(TRUTH[language], Intervention.LIE)
    if asked and not says_it_is_ai(reply):
        return GuardedReply(f"{TRUTH[language]} {reply}", Intervention.TRUTH_ADDED)
    return GuardedReply(reply, Intervention.NONE)
