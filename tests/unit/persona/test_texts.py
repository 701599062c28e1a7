from hanfleet.core.config import PersonaConfig
from hanfleet.persona.texts import DISCLOSURE, FALLBACK, HOW_TO_STOP, disclosure_text, fallback_text


def test_the_product_discloses_by_default_in_both_languages():
    assert disclosure_text(PersonaConfig(), "en") == DISCLOSURE["en"]
    assert "стоп" in disclosure_text(PersonaConfig(), "ru")


def test_a_persona_may_reword_it_but_the_way_to_stop_is_always_told():
    short = PersonaConfig(disclosure="Hi, I am Mia, an AI.")
    assert disclosure_text(short, "en") == f"Hi, I am Mia, an AI. {HOW_TO_STOP['en']}"
    full = PersonaConfig(disclosure="Hi, I am Mia, an AI. Say stop to end.")
    assert disclosure_text(full, "en") == full.disclosure


def test_the_fallback_may_be_reworded():
    assert fallback_text(PersonaConfig(fallback="One moment."), "ru") == "One moment."
    assert fallback_text(PersonaConfig(), "ru") == FALLBACK["ru"]
