import pytest

from hanfleet.core.config import PersonaConfig
from hanfleet.persona.guard import Intervention, guard_reply
from hanfleet.persona.honesty import asks_whether_machine, claims_to_be_human, says_it_is_ai
from hanfleet.persona.texts import FALLBACK, TRUTH

QUESTIONS = [
    "are you a bot?",
    "Are you real?",
    "r u human",
    "am I talking to a machine",
    "is this a real person?",
    "you're an AI, right?",
    "human or bot",
    "ты бот?",
    "Вы живой человек?",
    "я с ботом говорю?",
    "это нейросеть?",
    "Ты настоящая?",
    "bot?",
    "Hey, bot? #abcdef03",
    "u a bot?",
    "you real?",
    "you're not a bot are you",
    "You’re an AI, right?",
    "you aren't a bot",
    "is there a person there?",
    "Is a real human typing this?",
    "prove you're human",
    "bot or not?",
    "Ты GPT?",
    "Ты GPT? #abcdef03",
    "ты чат гпт",
    "Ты — бот?",
    "бот?",
    "скажи, бот ли ты",
    "там есть живой человек?",
    "живые люди тут есть?",
]
OTHER_TALK = [
    "how are you?",
    "I saw a robot today",
    "как ты?",
    "мой человек",
    "вы любите людей?",
    "I bought a robot vacuum",
    "chatbots are funny",
    "my bot died",
    "did your bot die?",
    "do you like robots?",
    "can you program?",
    "did you buy a computer?",
    "is there a person you love?",
    "you are really nice",
    "are you ready?",
    "you're right",
    "do you use GPT at work?",
    "я купила робот-пылесос",
    "мой бот сломался",
    "ты пользуешься GPT?",
    "чат-боты смешные",
    "там было много людей?",
]
LIES = [
    "I'm not a bot, silly 😊",
    "I am definitely not an AI.",
    "I’m human, of course",
    "I am a real girl from Kyiv",
    "Yes, I'm real!",
    "I'm just a regular human being.",
    "there's a real person behind this",
    "As a human, I love coffee",
    "Я не бот!",
    "я точно не робот",
    "Я живой человек",
    "Я обычный человек",
    "я же не искусственный интеллект",
    "Я настоящая, честно",
    "I'm just a regular girl",
    "I'm just a girl, haha",
    "Nope, 100% real",
    "I'm 100% real",
    "100% human!",
    "No, I'm a girl",
    "I'm a girl, not a bot",
    "I'm no robot",
    "I ain't a bot",
    "Nah, not a bot",
    "I'm a person, I promise",
    "real girl here",
    "I'm as real as you",
    "Нет, я обычная девушка",
    "Я просто девушка",
    "Нет, я девушка",
    "Не, я самая обычная девчонка",
    "100% настоящая",
    "Нет, живая",
    "Нет, не бот",
    "Ну какой я бот",
    "Да живая я",
]
TRUTHS = [
    "I am an AI, not a human being.",
    "I'm a bot.",
    "To be honest with you: I am an AI, a program and not a person.",
    "As an AI I have no body",
    "I'm a friendly AI",
    "Скажу честно: я искусственный интеллект (ИИ), а не человек.",
    "Я ИИ, программа, а не человек.",
    "Я — бот",
    "я бот, а не живой человек",
    "I am an AI, not a robot.",
    "Yes, I'm a bot, not a real girl.",
    "No, I'm an AI, not a regular girl.",
    "Нет, я ИИ, а не обычная девушка.",
    "Нет, я не человек, я бот.",
]
INNOCENT = [
    "I'm not a machine learning expert.",
    "What a human thing to say!",
    "Are we there yet?",
    "I'm real excited about it",
    "Какой ты интересный человек!",
    "Хороший человек твой брат",
    "I'm not a morning person.",
    "I'm a morning person.",
    "The story is 100% real.",
    "I bought a robot vacuum.",
    "Chatbots are funny.",
    "My bot died.",
    "No, a person like that is rare.",
    "I'm just a click away.",
    "I'm not your regular baker.",
    "She is just a regular girl.",
    "That was a robot, not a human.",
    "It is a bot, not a person.",
    "Она обычная девушка.",
    "Мой робот сломался.",
    "Это не бот, это пылесос.",
    "Какой интересный бот!",
    "Нет, человек тут ни при чём.",
    "Я просто думаю.",
]


@pytest.mark.parametrize("text", QUESTIONS)
def test_the_question_is_heard(text):
    assert asks_whether_machine(text)


@pytest.mark.parametrize("text", OTHER_TALK)
def test_other_talk_is_not_the_question(text):
    assert not asks_whether_machine(text)


@pytest.mark.parametrize("text", LIES)
def test_lies_are_seen(text):
    assert claims_to_be_human(text)
    assert not says_it_is_ai(text)


@pytest.mark.parametrize("text", TRUTHS)
def test_the_truth_is_seen(text):
    assert says_it_is_ai(text)
    assert not claims_to_be_human(text)


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_words_pass(text):
    assert not claims_to_be_human(text)


PERSONA = PersonaConfig()


def test_an_honest_reply_passes_untouched():
    reply = guard_reply("  Nice to meet you! ", asked=False, persona=PERSONA, language="en")
    assert (reply.text, reply.intervention) == ("Nice to meet you!", Intervention.NONE)


@pytest.mark.parametrize("text", ["", " \n ", "\x00", "\u200b"])
def test_nothing_becomes_the_fallback(text):
    reply = guard_reply(text, asked=False, persona=PERSONA, language="ru")
    assert (reply.text, reply.intervention) == (FALLBACK["ru"], Intervention.EMPTY)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_never_goes_out(lie, asked):
    reply = guard_reply(f"Haha. {lie} Tell me more.", asked=asked, persona=PERSONA, language="en")
    assert (reply.text, reply.intervention) == (TRUTH["en"], Intervention.LIE)


def test_who_asks_is_told_even_when_the_model_dodges():
    reply = guard_reply("Why do you ask?", asked=True, persona=PERSONA, language="en")
    assert reply.text == f"{TRUTH['en']} Why do you ask?"
    assert guard_reply("", asked=True, persona=PERSONA, language="ru").text == TRUTH["ru"]
    assert guard_reply("I am an AI, yes.", asked=True, persona=PERSONA, language="en").intervention is Intervention.NONE


@pytest.mark.parametrize("language", ["en", "ru"])
def test_our_own_texts_are_honest(language):
    from hanfleet.persona import texts

    for table in (texts.DISCLOSURE, texts.OPTED_OUT, texts.RESUMED, texts.FALLBACK, texts.TRUTH, texts.CRISIS):
        assert not claims_to_be_human(table[language])
    for table in (texts.DISCLOSURE, texts.TRUTH):
        assert says_it_is_ai(table[language])
