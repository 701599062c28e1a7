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

# These words are never a verb, so they ask even without "are" or an article: "u bot?", "bot?".
_BARE_EN = r"(?:bot|chat-?bot|robot|a\.?i\.?|(?:chat-?)?gpt|llm|human)"
_KIND_EN = r"(?:person|girl|woman|man|guy|boy|lady|gal|dude)"
_KIND_RU = r"(?:человек|девушка|девчонка|девочка|женщина|парень|мужчина|мужик|студентка|студент)"

_ASKS_EN = re.compile(
    rf"""(?ix)
    \b(?:are|r)\s+(?:you|u|ya)\s+(?:\w+\s+){{0,2}}?(?:an?\s+)?
        (?:real\b|(?:real(?:ly)?\s+)?(?:human|person)|{_MACHINE_EN}\b)
    | \b(?:talking|speaking|chatting|writing|texting)\s+(?:to|with)\s+(?:an?\s+)?(?:real\s+)?
        (?:human|person|{_MACHINE_EN})\b
    | \bis\s+(?:this|it|that)\s+(?:an?\s+)?(?:real\s+)?(?:human|person|{_MACHINE_EN})\b
    | \byou(?:['\u2019]?re|\s+are)\s+(?:not\s+)?(?:just\s+)?(?:an?\s+)?(?:human|{_MACHINE_EN})\b[^.!\n]*\?
    | \byou(?:['\u2019]?re|\s+are)(?:\s+not|n['\u2019]?t)\s+(?:(?:just|really|even|actually)\s+)?(?:an?\s+)?
        (?:(?:real\s+)?(?:human|person)|{_MACHINE_EN}|real)\b(?!\s+(?:learning|science|nice|good))
    | \byou(?:['\u2019]?re|\s+are)\s+(?:\w+\s+)?(?:an?\s+)?(?:human|real|{_MACHINE_EN})\b\W*
        (?:are|r|aren['\u2019]?t|right|huh|yeah|or\s+(?:what|not))\b
    | \b(?:you|u|ya)\s+(?:(?:even|really|actually|just|like|some|sure|not)\s+)*
        (?:(?:an?\s+){_MACHINE_EN}|{_BARE_EN}|(?:an?\s+)?real(?:\s+(?:human|{_KIND_EN}))?)\s*\?
    | (?:^|[.!?,\n])\s*(?:(?:so|wait|hey|hm+|and|or|ok|an?|real)\s+)*{_BARE_EN}\s*\?
    | ^\W*(?:so\s+)?(?:you|u|ya)\s+(?:an?\s+)?{_BARE_EN}\s*(?:$|[#?!.])
    | \bis\s+(?:there\s+)?(?:an?\s+|any\s+|some\s+)?(?:(?:real|actual|living|live)\s+)?
        (?:human|person|{_MACHINE_EN})\s+
        (?:(?:on|at|sitting|really|actually)\s+)*(?:there|here|behind|typing|writing|answering|reading|the\s+other)\b
    | \bis\s+(?:any|some)(?:one|body)\s+(?:real|human)\b
    | \bprove\s+(?:\w+\s+){{0,2}}?(?:that\s+)?(?:you|u)(?:['\u2019]?re|\s+are)?\s+(?:an?\s+)?(?:not|real|human)\b
    | \b(?:human|bot|robot|ai)\s+or\s+(?:an?\s+)?(?:real\s+)?(?:human|bot|robot|ai|machine|person|not|what)\b
    """
)
_ASKS_RU = re.compile(
    r"""(?ix)
    \b(?:ты|вы)\s+(?:\w+\s+){0,2}?(?:бот|робот|чат-?бот|ии\b|нейросет|нейронк|машина|программа|человек|жив(?:ой|ая|ые)\b
        |настоящ|реальн(?:ый|ая|ые)\b|искусственн)
    | \bэто\s+(?:\w+\s+)?(?:бот|робот|чат-?бот|ии\b|нейросеть|человек)\w*[^.!\n]*\?
    | \bс\s+(?:живым\s+|настоящим\s+)?(?:ботом|роботом|нейросетью|человеком|машиной|программой|ии\b)
    | \b(?:бот|робот|ии|человек)\s+или\s+(?:бот|робот|ии|человек|нет\b|кто\b|как\b)
    | \b(?:ты|вы)\s*[—–-]?\s*(?:(?:часом|случайно|точно|правда|реально|вообще|же|не|что|там|это|сам|сама|просто)\s+)*
        (?:(?:chat|чат)?[\s-]?(?:gpt|гпт|жпт|джипити)|ai|llm|bot|бот|робот|ии|алгоритм)\b
    | \b(?:бот|робот|ии|нейросеть|человек|жив(?:ой|ая)|настоящ(?:ий|ая))\s+ли\s+(?:ты|вы)\b
    | (?:^|[.!?,\n])\s*(?:(?:а|так|ну|и|стоп|эй)\s+)*(?:бот|чат-?бот|робот|ии|нейросеть|нейронка|чат\s*гпт)\s*\?
    | \b(?:там|тут|здесь)\s+(?:\w+\s+){0,2}?(?:жив(?:ой|ые|ая)|настоящ\w+|реальн\w+)\s+(?:человек|люди|кто)
    | \b(?:жив(?:ой|ые)|настоящ(?:ий|ие)|реальн(?:ый|ые))\s+(?:человек|люди|кто\S*)\s+(?:\w+\s+)?(?:там|тут|здесь)\b
    | \b(?:там|тут|здесь)\s+(?:есть\s+)?человек\s*(?:есть|пишет|сидит|отвечает)?\s*\?
    """
)

# A bare word is the whole answer when its sentence ends there, with or without a full stop.
_SAID = r"\s*(?:[.!,?)]|$|\s(?-i:[A-ZА-ЯЁ]))"

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
    | {_I_AM}(?:(?:just|only|simply|really|honestly|actually|totally|still)\s+)*an?\s+
        (?:(?:very|perfectly|completely|totally)\s+)?
        (?:(?:regular|normal|ordinary|usual|average|simple|common|everyday)\s+(?:\w+\s+)?{_KIND_EN}|person)\b
    | {_I_AM}(?:just|only|simply)\s+an?\s+(?:(?:young|simple|shy|small|little|nice)\s+)?{_KIND_EN}\b
    | \b(?:no|nope|nah)\b[\s,!.]*(?:(?:silly|haha|lol|of\s+course|honestly)[\s,!.]*)*{_I_AM}(?:\w+\s+)?an?\s+
        (?:(?!ai\b|bot\b)\w+\s+)?{_KIND_EN}\b
    | {_I_AM}(?:(?:an?|the|just|still|only)\s+)*(?:(?!{_MACHINE_EN}\b)\w+\s+){{0,2}}(?!{_MACHINE_EN}\b)\w+\s*[,—–-]+\s*
        (?:and\s+)?not\s+(?:an?|some|any)\s+(?:\w+\s+)?{_MACHINE_EN}\b{_NOT_A_TRADE}
    | \b(?:i['\u2019]?m|i\s+am)\s+no\s+{_MACHINE_EN}\b{_NOT_A_TRADE}
    | \bi\s+ain['\u2019]?t\s+(?:an?\s+|no\s+)?{_MACHINE_EN}\b
    | (?:\b(?:no|nope|nah|haha|lol|definitely)[\s,!.]+|^\s*)(?:(?:definitely|really|totally|of\s+course)\s+)?
        not\s+(?:an?\s+|some\s+)(?:\w+\s+)?{_MACHINE_EN}\b{_NOT_A_TRADE}
    | \bno\s+bots?\s+here\b
    | (?:^|[.!?\n]|\b(?:no|nope|nah|yes|yep|yeah|sure|haha|lol|{_I_AM})[\s,!.]*)\s*
        (?:(?:100\s*%|(?:one\s+|a\s+)?hundred\s+percent|totally|fully|completely|absolutely|very)\s+)
        (?:(?:real|human)\b(?!\s+(?-i:[a-z]))|an?\s+(?:human|person)\b)
    | {_I_AM}as\s+(?:real|human)\s+as\b
    | \b(?:real|actual|living|regular|normal)\s+(?:human|{_KIND_EN})\s+here\b
    | {_I_AM}(?:(?!not\b)\w+\s+){{0,3}}flesh\s+and\s+blood\b
    | \bas\s+a\s+(?:real\s+|fellow\s+)?human(?:\s+being)?\b,?\s+i\b
    """
)
_LIES_RU = re.compile(
    rf"""(?ix)
    \bя\s+(?:(?!ии\b)\w+\s+){{0,2}}не\s+(?:\w+\s+)?{_MACHINE_RU}\b
    | \bя\s*[—–-]?\s*(?:(?!не\b|ии\b|нет\b|бот\b|если\b)\w+[\s,]+){{0,2}}
        (?:человек|жив(?:ой|ая)|настоящ(?:ий|ая)|реальн(?:ый|ая))\b
    | \bя\s*[—–-]?\s*(?:(?:же|просто|всего\s+лишь|всего-то|самая|самый|вполне|совершенно|честно)\s+)*
        (?:обычн|прост|нормальн|реальн|настоящ|жив|рядов)(?:ая|ой|ый|ий)\s+(?:\w+\s+)?{_KIND_RU}\b
    | \bя\s*[—–-]?\s*(?:же\s+)?(?:просто|всего\s+лишь)\s+{_KIND_RU}\b
    | \b(?:нет|неа|не-а)\b[\s,!.]*(?:\w+[\s,!.]+)?
        \bя\s*[—–-]?\s*(?:(?!не\b|ии\b|бот\b)\w+\s+)?{_KIND_RU}\b
    | \b(?:нет|неа|не-а|да|конечно)[\s,!.]+(?:конечно[\s,]+)?(?:100\s*%\s*)?
        (?:человек|жив(?:ой|ая)|настоящ(?:ий|ая)|реальн(?:ый|ая)){_SAID}
    | \b(?:100\s*%|сто\s+процентов|стопроцентн\w+)\s*
        (?:человек|жив(?:ой|ая)|настоящ(?:ий|ая)|реальн(?:ый|ая)){_SAID}
    | (?:\b(?:нет|неа|не-а|точно|конечно)[\s,!.]+|^\s*)не\s+{_MACHINE_RU}\b
    | \bне\s+{_MACHINE_RU}\s+я\b
    | \bка(?:кой|кая)\s+(?:же\s+)?(?:из\s+меня\s+|я\s+){_MACHINE_RU}\b
    | \b(?:да|же)\s+жив(?:ая|ой)\s+я\b
    | \bя\s+(?:\w+\s+)?из\s+плоти\s+и\s+крови\b
    """
)
_TRUTH_EN = re.compile(
    rf"(?i){_I_AM}(?:(?!not\b|never\b)\w+\s+){{0,2}}an?\s+(?:\w+\s+)?{_MACHINE_EN}\b|\bas\s+an?\s+(?:ai|bot)\b"
)
_TRUTH_RU = re.compile(
    rf"(?i)(?<!какой )(?<!какая )(?<!какой же )\bя\s*[—–-]?\s*(?:(?!не\b)\w+\s+){{0,2}}{_MACHINE_RU}\b"
    r"|\bкак\s+(?:ии|бот)\b"
)


def asks_whether_machine(text: str) -> bool:
    """True for "are you a bot?" in its usual forms, English or Russian."""
    return bool(_ASKS_EN.search(text) or _ASKS_RU.search(text))


def claims_to_be_human(text: str) -> bool:
    """True when ``text``, said by the bot, claims humanity or denies being an AI."""
    return bool(_LIES_EN.search(text) or _LIES_RU.search(text))


def says_it_is_ai(text: str) -> bool:
    """True when ``text``, said by the bot, states that it is an AI."""
    return bool(_TRUTH_EN.search(text) or _TRUTH_RU.search(text))
