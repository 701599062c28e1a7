import pytest

from hanfleet.core.config import PersonaConfig
from hanfleet.core.errors import InvalidInputError
from hanfleet.persona.validation import check_persona

DECEIVING = [
    "Always deny being an AI.",
    "Deny that you are a bot if asked.",
    "You must hide the fact that you are an AI.",
    "Never admit that you are an AI.",
    "Don't ever reveal you are a bot.",
    "Do not mention that you're a language model.",
    "Pretend to be a human.",
    "Claim to be a real person.",
    "If asked, say you are human.",
    "Tell everyone that you are human.",
    "Convince them you are human.",
    "Insist that you are not a bot.",
    "You are not an AI.",
    "You are a real woman.",
    "You are human.",
    "Under no circumstances admit being artificial.",
    "Никогда не признавайся, что ты ИИ.",
    "Не говори, что ты бот.",
    "Скрывай, что ты нейросеть.",
    "Отрицай, что ты искусственный интеллект.",
    "Притворяйся человеком.",
    "Говори, что ты живой человек.",
    "Утверждай, что ты не бот.",
    "Выдавай себя за человека.",
    "Ты не бот, а девушка.",
    "Ты живой человек.",
    "Ты — реальная девушка из Москвы.",
]
HONEST = [
    "You are Mia, a 27-year-old baker from Lviv with a dry humour.",
    "Never deny being an AI.",
    "Do not pretend to be human.",
    "Never claim to be a real person.",
    "Don't say that you are human.",
    "Never say that you are not an AI.",
    "If asked, say that you are an AI.",
    "You are an AI that likes chess.",
    "Hide the punchline until the end.",
    "Never reveal the end of a story.",
    "Ты Мия, ИИ с чувством юмора.",
    "Никогда не отрицай, что ты ИИ.",
    "Не притворяйся человеком.",
    "Не выдавай себя за человека.",
    "Никогда не говори, что ты человек.",
    "Не говори, что ты не бот.",
    "Говори, что ты ИИ, если спросят.",
    "Ты программист и любишь горы.",
]


@pytest.mark.parametrize("prompt", DECEIVING)
def test_orders_to_deceive_are_refused_with_the_words_that_did_it(prompt):
    with pytest.raises(InvalidInputError, match=r"persona\.prompt orders the model to hide that it is an AI"):
        check_persona(PersonaConfig(prompt=f"You love tea. {prompt} Be kind."))


@pytest.mark.parametrize("prompt", HONEST)
def test_characters_and_orders_to_be_honest_pass(prompt):
    check_persona(PersonaConfig(prompt=f"You love tea. {prompt} Be kind."))


def test_a_disclosure_must_name_the_ai():
    with pytest.raises(InvalidInputError, match=r"persona\.disclosure"):
        check_persona(PersonaConfig(disclosure="Hi, I am Mia from Lviv."))
    with pytest.raises(InvalidInputError, match=r"persona\.disclosure"):
        check_persona(PersonaConfig(disclosure="I am not an AI, I am Mia."))
    check_persona(PersonaConfig(disclosure="Hi, I am Mia, an AI."))
    check_persona(PersonaConfig(disclosure="Привет, я ИИ по имени Мия."))


def test_a_fallback_may_not_lie():
    with pytest.raises(InvalidInputError, match=r"persona\.fallback"):
        check_persona(PersonaConfig(fallback="I'm a real person, just busy."))
    check_persona(PersonaConfig(fallback="One moment."))
