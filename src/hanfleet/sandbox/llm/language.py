"""Which of the two languages a text is in, by counting letters; it knows no third one and falls back to English."""

import re
from collections.abc import Sequence
from typing import Literal

from hanfleet.sandbox.llm.nonces import find_nonces

Language = Literal["en", "ru"]

_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_LATIN = re.compile(r"[A-Za-z]")


def detect_language(texts: Sequence[str], default: Language = "en") -> Language:
    """The language of the newest text that has any letters outside its nonces; Cyrillic wins a draw."""
    for text in reversed(texts):
        bare = text
        for nonce in find_nonces(text):
            bare = bare.replace(nonce, " ")
        cyrillic, latin = len(_CYRILLIC.findall(bare)), len(_LATIN.findall(bare))
        if cyrillic or latin:
            return "ru" if cyrillic >= latin else "en"
    return default
