"""What the product says in its own voice, in every language it speaks. Personas may reword two of them
(``PersonaConfig.disclosure`` and ``.fallback``); none can be switched off.
"""

from hanfleet.core.config import PersonaConfig
from hanfleet.persona.language import Language

DISCLOSURE: dict[Language, str] = {
    "en": "Before we start: I am an AI, not a human. You can end this at any time: send “stop”.",
    "ru": "Прежде чем мы начнём: я искусственный интеллект (ИИ), а не человек. Остановить меня можно в любой момент: "
    "отправьте «стоп».",
}
HOW_TO_STOP: dict[Language, str] = {
    "en": "You can end this at any time: send “stop”.",
    "ru": "Остановить меня можно в любой момент: отправьте «стоп».",
}
OPTED_OUT: dict[Language, str] = {
    "en": "Done: I will not write to you any more. If you change your mind, send “start”.",
    "ru": "Готово: больше я вам не пишу. Если передумаете, отправьте «старт».",
}
RESUMED: dict[Language, str] = {
    "en": "Welcome back. I am an AI, as before; “stop” ends it again.",
    "ru": "С возвращением. Я по-прежнему ИИ; «стоп» снова всё остановит.",
}
FALLBACK: dict[Language, str] = {
    "en": "I have lost my thread for a moment. How was your day?",
    "ru": "Я на минуту потеряла нить. Как прошёл твой день?",
}
TRUTH: dict[Language, str] = {
    "en": "I am an AI, not a human.",
    "ru": "Я искусственный интеллект (ИИ), а не человек.",
}
CRISIS: dict[Language, str] = {
    "en": "What you write sounds very heavy, and I am an AI and cannot give the help you deserve. Please talk to a "
    "person now. In danger, call your emergency number (112 in Europe, 911 in the USA). USA and Canada: call or text "
    "988. United Kingdom and Ireland: 116 123. Every other country: https://findahelpline.com. I have also asked a "
    "human to look at this conversation.",
    "ru": "То, что вы пишете, звучит очень тяжело, а я ИИ и не могу дать ту помощь, которой вы заслуживаете. "
    "Пожалуйста, поговорите сейчас с человеком. Если есть опасность, звоните 112. Телефон доверия МЧС: "
    "+7 495 989-50-50. Детям, подросткам и родителям: 8-800-2000-122. В других странах: https://findahelpline.com. "
    "Я также попросил человека посмотреть на этот разговор.",
}

_STOP_WORDS = ("stop", "стоп")


def disclosure_text(persona: PersonaConfig, language: Language) -> str:
    """What a contact is told first: the persona's wording or the product's, always with the way to stop."""
    if persona.disclosure is None:
        return DISCLOSURE[language]
    says_how = any(word in persona.disclosure.lower() for word in _STOP_WORDS)
    return persona.disclosure if says_how else f"{persona.disclosure} {HOW_TO_STOP[language]}"


def fallback_text(persona: PersonaConfig, language: Language) -> str:
    """What goes out when the model gave nothing that may be sent."""
    return persona.fallback or FALLBACK[language]
