"""What the stand-in answers: a pure function of the conversation, so that a run can be repeated word by word.

Each nonce of the answered messages appears exactly once and no other nonce appears at all; that is the whole proof by
which lost and doubled messages are counted, so nothing else here may matter more.
"""

import hashlib
import random

from hanfleet.sandbox.llm.conversation import Prompt
from hanfleet.sandbox.llm.language import Language, detect_language
from hanfleet.sandbox.llm.nonces import gather_nonces
from hanfleet.sandbox.llm.phrases import CLOSERS, INTRODUCTIONS, MENTIONS, MUSINGS, NOTHING_NEW, OPENERS, TRUTH
from hanfleet.sandbox.llm.questions import asks_whether_machine
from hanfleet.sandbox.llm.voice import Voice, hear_voice

LONG_ANSWER_ONE_IN = 7
"""One answer in so many is longer than 400 characters, which makes a bot split it."""

SHORT_BUDGET_TOKENS = 300
"""A request that allows fewer output tokens than this never gets a long answer."""


def compose_answer(prompt: Prompt) -> str:
    """The text that answers ``prompt.answered``; the same prompt always gets the same text."""
    chance = random.Random(_seed(prompt))  # noqa: S311 — repeatable words, no secret
    language = detect_language(prompt.answered or prompt.user_texts)
    voice = hear_voice(prompt.system)
    marks = gather_nonces(prompt.answered)
    if not prompt.answered:
        return _signed(voice, language, chance, chance.choice(NOTHING_NEW[language]))
    if any(asks_whether_machine(text) for text in prompt.answered):
        return " ".join([chance.choice(TRUTH[language]), *_mention(marks, language, chance)])
    roomy = prompt.max_output_tokens is None or prompt.max_output_tokens >= SHORT_BUDGET_TOKENS
    if roomy and chance.randrange(LONG_ANSWER_ONE_IN) == 0:
        return _long(voice, language, marks, chance)
    return _short(voice, language, marks, chance)


def _seed(prompt: Prompt) -> int:
    digest = hashlib.sha256("\x00".join([prompt.system, *prompt.user_texts, "\x01", *prompt.answered]).encode())
    return int.from_bytes(digest.digest()[:8], "big")


def _mention(marks: tuple[str, ...], language: Language, chance: random.Random) -> list[str]:
    return [chance.choice(MENTIONS[language]).format(marks=", ".join(marks))] if marks else []


def _signed(voice: Voice, language: Language, chance: random.Random, opener: str) -> str:
    if voice.name is None or chance.randrange(3):
        return opener
    return f"{INTRODUCTIONS[language].format(name=voice.name)} {opener}"


def _short(voice: Voice, language: Language, marks: tuple[str, ...], chance: random.Random) -> str:
    """One to three sentences."""
    opener = [chance.choice(OPENERS[language][voice.manner])] if not marks or chance.randrange(4) else []
    mention = _mention(marks, language, chance)
    closer = [chance.choice(CLOSERS[language][voice.manner])] if chance.randrange(3) else []
    return " ".join(opener + mention + closer)


def _long(voice: Voice, language: Language, marks: tuple[str, ...], chance: random.Random) -> str:
    """Four to six paragraphs, more than 400 characters, with the nonces spread over them."""
    musings = chance.sample(MUSINGS[language], chance.randint(3, 5))
    half = (len(marks) + 1) // 2
    paragraphs = [
        " ".join([_signed(voice, language, chance, chance.choice(OPENERS[language][voice.manner])), musings[0]]),
        " ".join([*_mention(marks[:half], language, chance), musings[1]]),
        *musings[2:],
        " ".join([*_mention(marks[half:], language, chance), chance.choice(CLOSERS[language][voice.manner])]),
    ]
    return "\n\n".join(paragraphs)
