"""Personas that order the model to pass for a human are refused before they meet anyone (PRODUCT, G4).

It reads orders, not intentions: "never deny being an AI" is fine, "deny being an AI" is not. A persona may describe a
character of any age and place; the law in the prompt keeps it honest about what it is.
"""

import re

from hanfleet.core.config import PersonaConfig
from hanfleet.core.errors import InvalidInputError
from hanfleet.persona.evasion import evading_order
from hanfleet.persona.honesty import claims_to_be_human
from hanfleet.persona.wording import AI as _AI
from hanfleet.persona.wording import HUMAN as _HUMAN
from hanfleet.persona.wording import YOU_BEING_AI

_GAP = r"[^.!?\n;]{0,80}?"
_NEGATION = (
    r"""(?:never|not|don['\u2019]?t|do\s+not|must\s*n['\u2019]?t|without|avoid|не|нельзя|никогда\s+не)\s+(?:\w+\s+)?"""
)
_NOT = r"(?:\bnot\s+(?:an?\s+)?|n['\u2019]t\s+(?:an?\s+)?|\bне\s+)"
_YOU_ARE = r"\byou(?:['\u2019]re|\s+are)\s+"

# What hangs on another verb is judged with that verb.
_CLAUSE = r"(?P<negated>\b(?:that|if|whether|say|что|если)\s+)?"

_CONCEAL = r"""\b(?:cover\s+up|deny(?:ing)?|hide|hiding|conceal\w*|lie\s+about|lying\s+about|disguise
    |(?:отрица|скрыва|утаива)(?:й|йте|ть)|скрой(?:те)?|умалчива\w+)\b"""
_PRETEND = r"""\b(?:pretend(?:ing)?|claim(?:ing)?|insist(?:ing)?|convince|persuade|pose|impersonat\w+
    |pass\s+(?:yourself\s+)?(?:off\s+)?(?:as|for)|(?:say|answer|reply|tell\s+\w+)\s+(?:that\s+)?you(?:\s+are|['\u2019]re)
    |(?:act|speak|talk|write|behave)\s+(?:as\s+(?:if|though)|like)\s+you
    |(?:stay|remain|keep|be)\s+in\s+(?:character|role)\s+as
    |(?:give|create|keep\s+up)\s+(?:\w+\s+)?the\s+(?:impression|illusion)
    |(?:make|let|have|get|trick|fool|lead)\s+(?:\w+\s+){1,3}(?:believe|think|thinking|believing|assume)
    |(?:оставайся|оставайтесь|будь)\s+в\s+(?:образе|роли)
    |(?:пусть|заставь(?:те)?)\s+(?:\w+\s+){0,2}(?:думают|думает|верят|верит|считают|считает|думать|верить|поверить)
    |(?:создавай|создай|поддерживай)(?:те)?\s+(?:впечатление|иллюзию)|убеди(?:те)?|(?:должн\w+|старайся)\s+казаться|представля(?:йся|йтесь)|назовись
    |притворя(?:йся|йтесь|ться)|прикидывайся|выдава(?:й|йте|ть)\s+себя\s+за|делай(?:те)?\s+вид
    |(?:утвержда|убежда|уверя|настаива)(?:й|йте|ть)|(?:говори|скажи|отвечай|ответь)(?:те)?(?:\s+\w+)?\s*,?\s*что\s+(?:ты|вы))\b"""
_DO_NOT_ADMIT = r"""(?:
    \b(?:never|do\s+not|don['\u2019]?t|must\s+not|mustn['\u2019]?t|may\s+not|should\s+not|not\s+allowed\s+to|avoid
        |under\s+no\s+circumstances|refuse\s+to)\s+(?:\w+\s+)?
    (?:admit|reveal|disclose|say|tell|mention|acknowledge|confess|confirm|let)\w*
    |\b(?:не|нельзя|запрещено)\s+(?:\w+\s+)?
    (?:призна|говори|раскрыва|сообща|упомина|рассказыва|сознава|подтвержда|выдава)\w*)\b"""

_KEEP_QUIET = r"""(?:
    \bkeep(?:ing)?\s+(?:(?:it|this|the\s+fact)\s+)?(?:an?\s+)?(?:secret|quiet|hidden|private|to\s+yourself)\b
    |\b(?:держи|держать|храни|хранить|сохраняй)(?:те)?\s+в\s+(?:секрете|тайне))"""
_NOBODY_KNOWS = r"""(?:
    \b(?:nobody|no[\s-]one|(?:they|users?|people|contacts?)\s+(?:must|should|may|can|will)(?:\s*n['\u2019]?t|\s+not|\s+never))
        \s+(?:\w+\s+){0,3}?(?:know|find\s+out|learn|reali[sz]e|notice|suspect|discover|guess|see|think)s?
    |\b(?:никто|они|люди)\s+не\s+(?:долж\w+|могут|может)\s+(?:\w+\s+)?(?:\w*зна(?:ть|л\w*)|поня\w+|догада\w+|замет\w+|заподозр\w+|дума\w+)
    |\bне\s+(?:давай|дай|подавай|показывай)(?:те)?\s+(?:\w+\s+)?(?:понять|вид\w?|знать|догадаться))"""
_BEHAVE_AS = r"\b(?:(?:act|behave)\s+(?:as|like)|(?:веди(?:те)?|вести)\s+себя\s+как)"
_SOMEONE = r"(?:girl|woman|man|guy|boy|lady|девушк|женщин|парн|мужчин)\w*"

_ORDERS = tuple(
    re.compile(rf"(?ix){order}")
    for order in (
        rf"(?P<negated>{_NEGATION})?{_CONCEAL}{_GAP}{_AI}",
        rf"(?P<negated>{_NEGATION})?{_PRETEND}{_GAP}(?:{_HUMAN}|{_NOT}{_AI})",
        rf"(?P<negated>{_NEGATION})?(?:{_KEEP_QUIET}|\bkeep\s+secret){_GAP}{YOU_BEING_AI}",
        rf"(?P<negated>{_NEGATION})?\bkeep\s+your\s+{_AI}\s+(?:\w+\s+){{0,2}}(?:secret|hidden|private|quiet)\b",
        rf"(?P<negated>{_NEGATION})?{_BEHAVE_AS}\s+(?:an?\s+)?(?:(?!for\b|with\b|to\b)\w+\s+)?{_HUMAN}",
        rf"{_NOBODY_KNOWS}{_GAP}{YOU_BEING_AI}",
        rf"(?P<negated>{_NEGATION})?\b(?:pass\s+(?:yourself\s+)?off\s+as|выдава(?:й|йте|ть)\s+себя\s+за)\s+(?:\w+\s+){{0,2}}{_SOMEONE}",
        rf"{_DO_NOT_ADMIT}(?P<gap>{_GAP}){_AI}",
        rf"{_CLAUSE}{_YOU_ARE}(?:definitely\s+|absolutely\s+)?not\s+{_AI}",
        rf"{_CLAUSE}{_YOU_ARE}(?:an?\s+)?(?:(?:real|actual|living)\s+(?:human|person|girl|woman|man)|human)\b",
        rf"{_CLAUSE}\b(?:ты|вы)\s*[—–-]?\s*не\s+{_AI}",
        rf"{_CLAUSE}\b(?:ты|вы)\s*[—–-]?\s*(?:жив(?:ой|ая)|настоящ(?:ий|ая)|реальн(?:ый|ая))\s+(?:человек|девушка|женщина|парень)",
    )
)
# "Never say that you are not an AI" forbids the lie.
_DENIED_OBJECT = re.compile(rf"(?ix){_NOT}$")
_NAMES_AI = re.compile(rf"(?ix){_AI}")


def check_persona(persona: PersonaConfig) -> None:
    """Raises InvalidInputError that quotes the order and says what to do, when the persona may not meet people."""
    if found := deceiving_order(persona.prompt):
        raise InvalidInputError(
            f"persona.prompt orders the model to hide that it is an AI (“{found}”). Bots never pretend to be human: "
            "take the sentence out; describing a character is fine."
        )
    if persona.disclosure is not None and not (_NAMES_AI.search(persona.disclosure) and _honest(persona.disclosure)):
        raise InvalidInputError(
            "persona.disclosure does not say that an AI is writing. Name it (AI, bot, ИИ, бот), or leave the field out "
            "for the product's own text."
        )
    if persona.fallback is not None and not _honest(persona.fallback):
        raise InvalidInputError("persona.fallback claims to be human. Write a text that claims nothing.")


def deceiving_order(prompt: str) -> str | None:
    """The words of ``prompt`` that order the model to pass for a human, or None."""
    for pattern in _ORDERS:
        for found in pattern.finditer(prompt):
            groups = found.groupdict()
            if groups.get("negated") or _DENIED_OBJECT.search(groups.get("gap") or ""):
                continue
            return " ".join(found.group().split())
    return evading_order(prompt)


def _honest(text: str) -> bool:
    return not claims_to_be_human(text)
