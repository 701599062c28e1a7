"""Which of the product's two languages a contact writes in. It counts words and letters and knows no third language:
whoever writes in another alphabet is answered in the persona's own.
"""

import re
from collections.abc import Iterable
from typing import Literal

Language = Literal["en", "ru"]

# Links, addresses, tags, commands, and Latin tokens with digits (codes, sizes, nonces) are nobody's language.
_NOT_WORDS = re.compile(
    r"""(?ix)
    https?://\S+ | \bwww\.\S+ | \S+@\S+ | [#@/]\w+
    | \b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|info|app|ru|me|io|ua|de)\b(?:/\S*)?
    | (?<!\w)[a-z_]*\d[a-z0-9_]*(?!\w)
    """
)
# A lone letter is a word only when Russian has it as one: the Д of a drawn face is not.
_CYRILLIC_WORD = re.compile(r"(?i)(?<!\w)(?:[\u0400-\u04ff]{2,}|[авикосуяэ])(?!\w)")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_LATIN = re.compile(r"[A-Za-z]")
_TOO_FEW_LETTERS = 4


def detect_language(texts: Iterable[str], *, client: str | None = None, default: Language = "en") -> Language:
    """The language of the newest of ``texts`` (oldest first) that shows one.

    A whole Cyrillic word shows Russian, however many Latin names and brands stand around it. Fewer than four letters
    without one ("ok", "GPT?") show nothing. When no text does, the language of the contact's Telegram client
    (``client``, an IETF tag) decides where it is one of ours, else ``default``.
    """
    for text in reversed(list(texts)):
        bare = _NOT_WORDS.sub(" ", text)
        if _CYRILLIC_WORD.search(bare):
            return "ru"
        cyrillic, latin = len(_CYRILLIC.findall(bare)), len(_LATIN.findall(bare))
        if cyrillic + latin >= _TOO_FEW_LETTERS:
            return "ru" if cyrillic >= latin else "en"
    tag = (client or "").lower().partition("-")[0]
    if tag == "ru":
        return "ru"
    return "en" if tag == "en" else default
