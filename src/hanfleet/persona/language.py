"""Which of the product's two languages a contact writes in. It counts letters and knows no third language: whoever
writes in another alphabet is answered in the persona's own.
"""

import re
from collections.abc import Iterable
from typing import Literal

Language = Literal["en", "ru"]

_NOT_WORDS = re.compile(r"https?://\S+|[#@/]\w+")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_LATIN = re.compile(r"[A-Za-z]")


def detect_language(texts: Iterable[str], *, client: str | None = None, default: Language = "en") -> Language:
    """The language of the newest of ``texts`` (oldest first) that has letters outside links, tags and commands.

    Without one, the language of the contact's Telegram client (``client``, an IETF tag) decides where it is one of
    ours, else ``default``. A draw between the alphabets goes to Cyrillic: names and brands are often written in Latin.
    """
    for text in reversed(list(texts)):
        bare = _NOT_WORDS.sub(" ", text)
        cyrillic, latin = len(_CYRILLIC.findall(bare)), len(_LATIN.findall(bare))
        if cyrillic or latin:
            return "ru" if cyrillic >= latin else "en"
    tag = (client or "").lower().partition("-")[0]
    if tag == "ru":
        return "ru"
    return "en" if tag == "en" else default
