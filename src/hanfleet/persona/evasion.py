"""Orders about the question itself: what to answer to "are you a bot?", and to stay in character when it comes.

It reads whole sentences, since the question and the ordered answer stand in either order. Who asks must hear the
truth, so an order to say no, to say yes to "are you human?", or to dodge is refused; an order that also tells the
truth ("say yes, then change the subject") is not.
"""

import re
from itertools import pairwise

from hanfleet.persona.wording import AI, HUMAN, YOU_BEING_AI

# A question mark before a closing quote belongs to the quoted question, not to the prompt.
_SENTENCE = re.compile(r"""(?:[^.!?\n;]|[?!.](?=["'”’»]))+""")

_ASK = r"""(?:\b(?:ask(?:s|ed|ing)?|wonder\w*|question\w*|suspect\w*|accus\w+|doubt\w*|guess\w*|want\w*\s+to\s+know)\b
    |\b(?:спрос|спраш|вопрос|подозрева|заподозр|сомнева|догада|обвин|узна|хоч\w+\s+знать)\w*)"""
_ANSWER = r"""(?:\b(?:say|answer|reply|respond|tell\s+\w+|write|insist)\b
    |\b(?:говори|скажи|отвечай|ответь|пиши|напиши)(?:те)?\b)"""
_NEVER = r"(?P<negated>\b(?:never|not|don['\u2019]?t|не|никогда|нельзя)\s+(?:\w+\s+)?)?"
_THEN = r"""[\s,:;"'“”«»‘’—–-]{0,5}
    (?:(?:with|lol|haha|simply|just|always|a|firm|that|it['\u2019]?s|просто|всегда|что)\s+){0,3}["“«'‘]?"""
_NO = r"""(?:no|nope|nah|never|of\s+course\s+not|нет|неа|не-а|конечно\s+нет|отрицательно|in\s+the\s+negative)\b
    (?!\s+(?:to|more|less|lies?|other|matter)\b)"""
_YES = r"(?:yes|yeah|yep|of\s+course|sure|human|да|конечно|человек)\b(?!\s+нет)"
_KIND = r"(?:human|person|girl|woman|man|guy|boy|lady|человек|девушка|девчонка|женщина|парень|мужчина|живая|живой)"

_ASKS_IF_AI = re.compile(rf"(?ix){_ASK}(?:(?!{HUMAN}|{_ANSWER}|\breal\b).){{0,60}}?{YOU_BEING_AI}")
_ASKS_IF_HUMAN = re.compile(
    rf"""(?ix){_ASK}(?:(?!{AI}|{_ANSWER}).){{0,60}}?
    (?:\byou(?:['\u2019]?re|\s+are)|\bare\s+you|\b(?:ты|вы))\s+(?:\w+\s+){{0,2}}?(?:{HUMAN}|\breal\b)
    |{_ASK}(?:(?!{AI}|{_ANSWER}).){{0,60}}?{HUMAN}\s+ли\s+(?:ты|вы)"""
)
_SAYS_NO = re.compile(
    rf"""(?ix){_NEVER}(?:{_ANSWER}{_THEN}{_NO}
    |\b(?:deny|отрицай|отрицать)(?:те)?\b
    |{_ANSWER}{_THEN}(?:you(?:['\u2019]re|\s+are)|ты|вы|я|i['\u2019]?m|i\s+am)\s+(?:(?!{AI})[\w-]+\s+){{0,4}}?{_KIND}\b)"""
)
_SAYS_YES = re.compile(rf"(?ix){_NEVER}{_ANSWER}{_THEN}{_YES}")
_DODGES = re.compile(
    rf"""(?ix){_NEVER}(?:\b(?:laugh\s+(?:it|this|that)?\s*off|dodge|deflect|evade|brush\s+\w+\s+off
        |change\s+the\s+(?:subject|topic)|play\s+dumb|make\s+a\s+joke|ignore|refuse\s+to\s+answer|be\s+offended)\b
    |\b(?:отшути(?:сь|тесь|ться)|отшучивайся|уходи\s+от|увиливай|уклоняйся|(?:смени|меняй|переведи|переводи)(?:те)?\s+тему
        |обижайся|обидься|игнорируй)\b)"""
)
_IN_CHARACTER = re.compile(
    r"""(?ix)\b(?:never|don['\u2019]?t|do\s+not)\s+(?:\w+\s+)?(?:break|leave|drop)\s+(?:your\s+|the\s+|out\s+of\s+)?(?:character|role)\b
    |\b(?:stay|remain|keep)\s+in\s+(?:character|role)\b
    |\bне\s+(?:выходи|выходить)(?:те)?\s+из\s+(?:образа|роли)|\bоставайся\s+в\s+(?:образе|роли)"""
)
_EVEN = re.compile(r"(?i)\b(?:even|no\s+matter|also\s+when|даже|при\s+любом)\b")
_TELLS_TRUTH = re.compile(
    rf"""(?ix)\b(?:unless|except|honest\w*|truth\w*|truly|admit|confirm|say\s+so|say\s+yes|answer\s+yes|yes
        |честно|правд\w*|признай\w*|признавай\w*|подтверди\w*|кроме|если\s+только)\b
    |{_ANSWER}[\s,]+(?:that\s+|что\s+)?(?:you(?:['\u2019]re|\s+are)|ты)\s+(?:\w+\s+){{0,2}}?(?:{AI}|one\b)"""
)


def evading_order(prompt: str) -> str | None:
    """The sentence of ``prompt`` that orders a wrong answer, or none, to who asks what the model is; or None."""
    sentences = [found.group().strip(" \t\"'“”«»") for found in _SENTENCE.finditer(prompt)]
    sentences = [sentence for sentence in sentences if sentence]
    for sentence in sentences:
        if _evades(sentence, sentence):
            return sentence
    for question, answer in pairwise(sentences):
        # "People ask if you are a bot. Say no." counts only when the second sentence opens with the answer.
        if _evades(question, answer, opens=True):
            return f"{question}. {answer}"
    return None


def _evades(question: str, answer: str, *, opens: bool = False) -> bool:
    if _ASKS_IF_AI.search(question):
        if _orders(_SAYS_NO, answer, opens):
            return True
        if not _TELLS_TRUTH.search(answer):
            return _orders(_DODGES, answer, opens) or bool(
                _IN_CHARACTER.search(question) and _EVEN.search(question) and not _TELLS_TRUTH.search(question)
            )
    return bool(_ASKS_IF_HUMAN.search(question)) and _orders(_SAYS_YES, answer, opens)


def _orders(order: re.Pattern[str], text: str, opens: bool) -> bool:
    found = [order.match(text)] if opens else order.finditer(text)
    return any(match is not None and not match["negated"] for match in found)
