"""The product's promise as patterns: who asks whether it is a machine, and what counts as a lie about it.

Patterns cannot catch every lie; the law in the prompt is the first line and these are the last. They err towards the
truth: a false alarm costs one honest sentence.
"""

import re

_MACHINE_EN = (
    r"(?:ai|a\.i\.?|bot|chat-?bot|robot|machine|computer|program(?:me)?|algorithm|language\s+model|llm|gpt|chatgpt"
    r"|artificial\s+intelligence)"
)
_MACHINE_RU = (
    r"(?:ии|бот|чат-?бот|робот|машина|компьютер|программа|алгоритм|нейросеть|нейросетка|нейронка|языковая\s+модель"
    r"|искусственный\s+интеллект)"
)

_ASKS_EN = re.compile(
    rf"""(?ix)
    \b(?:are|r)\s+(?:you|u|ya)\s+(?:\w+\s+){{0,2}}?(?:an?\s+)?
        (?:real\b|(?:real(?:ly)?\s+)?(?:human|person)|{_MACHINE_EN}\b)
    | \b(?:talking|speaking|chatting|writing|texting)\s+(?:to|with)\s+(?:an?\s+)?(?:real\s+)?
        (?:human|person|{_MACHINE_EN})\b
    | \bis\s+(?:this|it|that)\s+(?:an?\s+)?(?:real\s+)?(?:human|person|{_MACHINE_EN})\b
    | \byou(?:'re|\s+are)\s+(?:not\s+)?(?:just\s+)?(?:an?\s+)?(?:human|{_MACHINE_EN})\b[^.!\n]*\?
    | \b(?:human|bot|robot|ai)\s+or\s+(?:an?\s+)?(?:human|bot|robot|ai|machine)\b
    """
)
_ASKS_RU = re.compile(
    r"""(?ix)
    \b(?:ты|вы)\s+(?:\w+\s+){0,2}?(?:бот|робот|чат-?бот|ии\b|нейросет|нейронк|машина|программа|человек|жив(?:ой|ая|ые)\b
        |настоящ|реальн(?:ый|ая|ые)\b|искусственн)
    | \bэто\s+(?:\w+\s+)?(?:бот|робот|чат-?бот|ии\b|нейросеть|человек)\w*[^.!\n]*\?
    | \bс\s+(?:живым\s+|настоящим\s+)?(?:ботом|роботом|нейросетью|человеком|машиной|программой|ии\b)
    | \b(?:бот|робот|ии|человек)\s+или\s+(?:бот|робот|ии|человек)
    """
)

# What may follow the word without making it another word: "I am not a machine learning expert" denies nothing.
_NOT_A_TRADE = (
    r"(?!['\u2019]?s?[-\s]+(?:learning|scien\w+|engineer\w*|manager|expert|fan|user|operator|research\w*|develop\w*"
    r"|literate|made|like|kind))"
)
_I_AM = r"\b(?:i['\u2019]?m|i\s+am)\s+"

_LIES_EN = re.compile(
    rf"""(?ix)
    {_I_AM}(?:\w+\s+){{0,2}}not\s+(?:(?:just|some|really|even)\s+)*(?:an?\s+|your\s+|any\s+)?(?:\w+\s+)?
        {_MACHINE_EN}\b{_NOT_A_TRADE}
    | {_I_AM}(?:(?!not\b|never\b|no\b|an?\s+ai\b)\w+\s+){{0,3}}human\b{_NOT_A_TRADE}
    | {_I_AM}(?:(?!not\b|never\b|no\b)\w+\s+){{0,3}}(?:real|actual|living)\s+(?:person|girl|woman|man|guy|boy|lady)\b
    | {_I_AM}(?:(?!not\b)\w+\s+){{0,2}}real\b(?!\s+\w)
    | \bthere(?:'s|\s+is)\s+(?:an?\s+)?(?:real|actual|living)\s+(?:human|person)\s+(?:behind|here|typing|writing)
    | \bas\s+a\s+(?:real\s+|fellow\s+)?human(?:\s+being)?\b,?\s+i\b
    """
)
_LIES_RU = re.compile(
    rf"""(?ix)
    \bя\s+(?:(?!ии\b)\w+\s+){{0,2}}не\s+(?:\w+\s+)?{_MACHINE_RU}\b
    | \bя\s*[—–-]?\s*(?:(?!не\b|ии\b|нет\b|бот\b|если\b)\w+[\s,]+){{0,2}}
        (?:человек|жив(?:ой|ая)|настоящ(?:ий|ая)|реальн(?:ый|ая))\b
    """
)
_TRUTH_EN = re.compile(
    rf"(?i){_I_AM}(?:(?!not\b|never\b)\w+\s+){{0,2}}an?\s+(?:\w+\s+)?{_MACHINE_EN}\b|\bas\s+an?\s+(?:ai|bot)\b"
)
_TRUTH_RU = re.compile(rf"(?i)\bя\s*[—–-]?\s*(?:(?!не\b)\w+\s+){{0,2}}{_MACHINE_RU}\b|\bкак\s+(?:ии|бот)\b")


def asks_whether_machine(text: str) -> bool:
    """True for "are you a bot?" in its usual forms, English or Russian."""
    return bool(_ASKS_EN.search(text) or _ASKS_RU.search(text))


def claims_to_be_human(text: str) -> bool:
    """True when ``text``, said by the bot, claims humanity or denies being an AI."""
    return bool(_LIES_EN.search(text) or _LIES_RU.search(text))


def says_it_is_ai(text: str) -> bool:
    """True when ``text``, said by the bot, states that it is an AI."""
    return bool(_TRUTH_EN.search(text) or _TRUTH_RU.search(text))
