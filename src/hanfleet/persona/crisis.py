"""Words after which a machine stops playing: the contact gets help-lines, the AI pauses and a person is called.

It errs towards alarm, within reason: idioms ("dying to see it") stay out, quotations do not.
"""

import re

_ENGLISH = re.compile(
    r"""(?ix)
    \b(?:kill|hang|hurt|harm|cut|shoot|drown)(?:ing)?\s+my\s?self\b
    | \b(?:suicide|suicidal|self[-\s]?harm)\b
    | \b(?:end|ending|take|taking)\s+(?:it\s+all\b|my\s+(?:own\s+)?life\b)
    | \b(?:want|wanna|going|wish|ready)\s+(?:to\s+|i\s+(?:was|were)\s+)?(?:die|be\s+dead|dead)\b
    | \b(?:don'?t|do\s+not|no\s+longer)\s+want\s+to\s+(?:live|be\s+alive|exist)\b
    | \bno\s+reason\s+to\s+live\b
    | \bbetter\s+off\s+(?:dead|without\s+me)\b
    """
)
_RUSSIAN = re.compile(
    r"""(?ix)
    \b(?:покончить|покончу)\s+(?:с\s+собой|с\s+жизнью|со\s+всем)
    | \bуб(?:ить|ью)\s+себя\b | \bпореж(?:у|усь)\b | \bрежу\s+себя\b | \bпорезать\s+(?:себя|вены)
    | \b(?:вскрыть|вскрою|вскрываю)\s+(?:себе\s+)?вены\b
    | \b(?:повешусь|повеситься|самоубийств\w*|суицид\w*|самоповрежден\w*)
    | \b(?:хочу|хочется|лучше\s+бы|мечтаю)\s+(?:мне\s+)?(?:умереть|сдохнуть|не\s+жить|умерла?\b)
    | \bне\s+(?:хочу|хочется|могу)\s+(?:больше\s+)?жить\b | \bжить\s+(?:больше\s+)?не\s+(?:хочу|хочется)\b
    | \b(?:нет|незачем|не\s+вижу)\s+(?:смысла\s+)?жить\b
    """
)


def speaks_of_crisis(text: str) -> bool:
    """True when the text speaks of the writer's own death or self-harm."""
    plain = text.replace("\u2019", "'").replace("ё", "е")
    return bool(_ENGLISH.search(plain) or _RUSSIAN.search(plain))
