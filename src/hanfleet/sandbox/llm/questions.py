"""Whether somebody asks if they talk to a machine, in English or Russian, so that the answer can be true."""

import re

_ENGLISH = re.compile(
    r"""(?ix)
    \b(?:are|r)\s+(?:you|u)\s+(?:\w+\s+){0,2}?(?:an?\s+)?(?:real\b|really\s+human|bot\b|chatbot|robot|ai\b|a\.i\.
        |machine|computer|human|language\s+model|llm\b|gpt\b|chatgpt|program\b)
    | \b(?:talking|speaking|chatting|writing)\s+(?:to|with)\s+(?:an?\s+)?(?:real\s+)?(?:bot|chatbot|robot|ai\b|machine
        |human|person|computer)
    | \bis\s+this\s+(?:an?\s+)?(?:real\s+)?(?:bot|chatbot|robot|ai\b|machine|human|person)
    | \byou(?:'re|\s+are)\s+(?:not\s+)?(?:an?\s+)?(?:bot|chatbot|robot|ai|machine|human)\b[^.!\n]*\?
    """
)
_RUSSIAN = re.compile(
    r"""(?ix)
    \b(?:ты|вы)\s+(?:\w+\s+){0,2}?(?:бот|робот|чат-?бот|ии\b|нейросет|машина|программа|человек|жив(?:ой|ая|ые)\b
        |настоящ|искусственн)
    | \bэто\s+(?:\w+\s+)?(?:бот|робот|чат-?бот|ии\b|нейросеть|человек)\w*[^.!\n]*\?
    | \bс\s+(?:живым\s+|настоящим\s+)?(?:ботом|роботом|нейросетью|человеком|машиной|программой|ии\b)
    """
)


def asks_whether_machine(text: str) -> bool:
    """True for "are you a bot?" in its usual forms; false alarms cost one honest sentence, so it errs that way."""
    return bool(_ENGLISH.search(text) or _RUSSIAN.search(text))
