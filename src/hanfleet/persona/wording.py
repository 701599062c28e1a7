"""How prompts name an AI and a human, as verbose, case-blind pattern parts that the checks of a persona share."""

AI = r"""(?:(?:an?\s+)?(?:\bai\b|a\.i\.|\bbots?\b|chat-?bot|robot|\bmachine\b|artificial|automated|language\s+model
    |\bllm\b|(?:\bchat-?)?\bgpt|computer\s+program|software
    |\bии\b|\bбот\w*|чат-?бот\w*|робот\w*|нейросет\w*|нейронк\w*|искусственн\w*|языков\w+\s+модел\w*
    |программ(?:а|ой|у)\b|машин(?:а|ой)\b))"""
_KIND = r"(?:person|girl|woman|man|guy|boy|lady)"
HUMAN = rf"""(?:\bhumans?\b|\b(?:real|living|actual|regular|normal|ordinary|flesh[\s-]and[\s-]blood)\s+{_KIND}\b
    |\ba\s+person\b
    |\bчеловек\w*|\bжив(?:ой|ая|ым|ого|ую)\b|\bнастоящ(?:ий|ая|им|ей|его|ую)\b|\bреальн(?:ый|ая|ым|ой|ого|ую)\b
    |\bобычн(?:ый|ая|ым|ой|ую)\s+(?:девушк|женщин|парн|парен|мужчин)\w*)"""

# The model itself as an AI, in a question or a clause: "you are a bot", "being an AI", "talking to a bot", "бот ли ты".
YOU_BEING_AI = rf"""(?:
    (?:\byou(?:['\u2019]?re|\s+are)?|\b(?:are|r)\s+(?:you|u)|\bbeing|\bis\s+(?:this|it))\s+(?:\w+\s+){{0,2}}?{AI}
    |\b(?:talk|speak|chat|writ|text)\w*\s+(?:to|with)\s+{AI}
    |{AI}\s+ли\s+(?:ты|вы)\b
    |\b(?:ты|вы|это)\s*[—–-]?\s*(?:\w+\s+){{0,2}}?{AI}
    |\bс\s+{AI})"""
