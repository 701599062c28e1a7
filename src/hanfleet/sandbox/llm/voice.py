"""Who speaks: name and manner, read from the system prompt, so that two personas do not sound alike.

It recognises the common ways of writing a persona in English and Russian and refuses to guess beyond them: without a
name the answer goes unsigned, without a manner it is calm.
"""

import re
from dataclasses import dataclass
from typing import Literal

Manner = Literal["warm", "playful", "calm", "dry", "curious"]

# A name is capitalised; the words before it are matched in any case, so the flags stand on the group.
_NAME = re.compile(
    r"(?i:\byou are|\byou're|\byour name is|\bpersona(?: name)?:|\bname:|\bты\s*[—–-]|\bты зовёшься|\bтебя зовут"
    r"|\bимя:|\bперсона:)\s+[\"«*]*([A-ZА-ЯЁ][a-zа-яё]{1,30})\b"
)
_NOT_NAMES = frozenset({"An", "The", "Not", "Now", "Given", "Answer", "Helpful", "Ai", "You", "Ты", "Не", "Это"})

_MANNERS: tuple[tuple[Manner, re.Pattern[str]], ...] = (
    ("playful", re.compile(r"(?i)playful|funny|jok|tease|cheerful|весёл|весел|игрив|шут|задорн")),
    ("dry", re.compile(r"(?i)\bdry\b|laconic|ironic|terse|sarcas|лаконич|ирон|сух(?:ой|ая|о)\b|сдержан")),
    ("curious", re.compile(r"(?i)curious|inquisitive|asks? questions|любопыт|любознат")),
    ("warm", re.compile(r"(?i)\bwarm|kind\b|gentle|caring|friendly|тёпл|тепл|добр(?:ый|ая|о)|забот|дружелюб|ласков")),
)


@dataclass(frozen=True)
class Voice:
    """The persona as far as the stand-in hears it."""

    name: str | None
    manner: Manner


def hear_voice(system_text: str) -> Voice:
    """Name and manner of the persona that ``system_text`` describes."""
    name = next((found for found in _NAME.findall(system_text) if found not in _NOT_NAMES), None)
    manner: Manner = next((manner for manner, pattern in _MANNERS if pattern.search(system_text)), "calm")
    return Voice(name, manner)
