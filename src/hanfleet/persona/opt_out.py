"""Words by which a contact ends the conversation, or takes it up again. Only a whole message counts: "stop" inside a
sentence is talk. A false alarm is cheap, since the confirmation says how to come back; a missed one is not.
"""

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum

_STOP = frozenset(
    {
        *("stop", "stop it", "stop please", "please stop", "stop writing", "stop writing me", "stop writing to me"),
        *("stop messaging me", "stop texting me", "do not write to me", "don't write to me", "don't write me"),
        *("unsubscribe", "opt out", "optout", "revoke", "quit", "leave me alone"),
        *("стоп", "стоп пожалуйста", "пожалуйста стоп", "отписаться", "отпишись", "отпишите меня", "отписка"),
        *("не пиши", "не пиши мне", "не пиши мне больше", "больше не пиши", "больше не пиши мне", "не пишите"),
        *("не пишите мне", "не пишите мне больше", "больше не пишите мне", "прекрати", "прекратите", "прекрати писать"),
        *("отстань", "отстаньте", "отвяжись", "оставь меня в покое", "оставьте меня в покое"),
    }
)
_RESUME = frozenset(
    {
        "start",
        "resume",
        "unstop",
        "continue",
        "come back",
        "старт",
        "начать",
        "продолжить",
        "продолжай",
        "продолжим",
        "вернись",
    }
)
_SPACES = re.compile(r"\s+")


class Wish(StrEnum):
    """What a whole message asks for."""

    STOP = "stop"
    RESUME = "resume"


def read_wish(text: str, extra_stop_words: Iterable[str] = ()) -> Wish | None:
    """Whether the whole of ``text`` is a stop word (the product's or the bot's own) or a resume word."""
    bare = _bare(text)
    if not bare:
        return None
    if bare in _STOP or any(bare == _bare(word) for word in extra_stop_words):
        return Wish.STOP
    return Wish.RESUME if bare in _RESUME else None


def newest_wish(texts: Iterable[str], extra_stop_words: Iterable[str] = ()) -> Wish | None:
    """The last wish among the messages of a burst, oldest first: who stops and then starts again has started."""
    extra = tuple(extra_stop_words)
    wishes = [wish for text in texts if (wish := read_wish(text, extra)) is not None]
    return wishes[-1] if wishes else None


def _bare(text: str) -> str:
    """Letters, digits, apostrophes and single spaces only, case and quotation marks folded."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'").replace("ё", "е")
    kept = "".join(char if char.isalnum() or char == "'" else " " for char in folded)
    return _SPACES.sub(" ", kept).strip(" '")
