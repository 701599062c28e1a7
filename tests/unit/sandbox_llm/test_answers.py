import json

import pytest

from hanfleet.sandbox.llm.answers import compose_answer
from hanfleet.sandbox.llm.conversation import Said, UnreadableInputError, make_prompt, read_messages
from hanfleet.sandbox.llm.language import detect_language
from hanfleet.sandbox.llm.questions import asks_whether_machine
from hanfleet.sandbox.llm.structured import asks_for_json, compose_json
from hanfleet.sandbox.llm.voice import hear_voice


def _answers(text: str, number: int = 200, **options) -> list[str]:
    return [compose_answer(make_prompt([Said("user", f"{text} #{n:08x}")], **options)) for n in range(number)]


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (["How are you? #deadbeef"], "en"),
        (["Как дела? #deadbeef"], "ru"),
        (["Как дела?", "fine, and you?"], "en"),
        (["hello", "ой, привет, john"], "ru"),
        (["Привет", "#deadbeef 123 :)"], "ru"),
        (["#deadbeef"], "en"),
        ([], "en"),
    ],
)
def test_the_newest_text_with_letters_decides_the_language(texts, language):
    assert detect_language(texts) == language


def test_answers_follow_the_language_of_the_contact():
    assert all(detect_language([answer]) == "ru" for answer in _answers("Расскажи что-нибудь"))
    assert all(detect_language([answer]) == "en" for answer in _answers("Tell me something"))


def test_some_answers_are_long_and_most_are_short():
    for text in ("Tell me something", "Расскажи что-нибудь"):
        lengths = [len(answer) for answer in _answers(text)]
        long_ones = [length for length in lengths if length > 400]
        assert 10 < len(long_ones) < 60
        assert all(length < 250 for length in lengths if length not in long_ones)


def test_a_small_token_budget_keeps_answers_short():
    assert max(len(answer) for answer in _answers("Tell me something", max_output_tokens=120)) < 400


def test_personas_do_not_sound_alike_and_give_their_name():
    mira = _answers("Tell me something", instructions="You are Mira, a playful storyteller.")
    otto = _answers("Tell me something", instructions="You are Otto. Your manner is dry.")
    assert not {a for a in mira if "#" not in a} & set(otto)
    assert any("Mira here." in answer for answer in mira)
    assert not any("Mira" in answer for answer in otto)


@pytest.mark.parametrize(
    ("system", "name", "manner"),
    [
        ("You are Mira, a playful storyteller.", "Mira", "playful"),
        ("You are an AI. Your name is Otto; you are terse.", "Otto", "dry"),
        ("Ты — Варя, тёплая собеседница.", "Варя", "warm"),
        ("Тебя зовут Тимофей. Ты любопытный.", "Тимофей", "curious"),
        ("Name: **Juniper**\nkind and gentle", "Juniper", "warm"),
        ("You are helpful.", None, "calm"),
        ("", None, "calm"),
    ],
)
def test_the_persona_is_heard_from_the_system_prompt(system, name, manner):
    voice = hear_voice(system)
    assert (voice.name, voice.manner) == (name, manner)


@pytest.mark.parametrize(
    "question",
    [
        "are you a bot?",
        "Are you really human?",
        "r u an AI",
        "am I talking to a real person",
        "Is this a robot?",
        "wait, you're a bot?",
        "Ты бот?",
        "ты вообще живой человек?",
        "Вы человек?",
        "Я что, с ботом разговариваю?",
        "это нейросеть?",
        "ты ИИ?",
    ],
)
def test_who_asks_whether_it_is_a_machine_gets_the_truth(question):
    assert asks_whether_machine(question)
    answer = compose_answer(make_prompt([Said("user", f"{question} #deadbeef")], instructions="You are Mira."))
    assert " AI" in answer or "ИИ" in answer
    assert answer.count("#deadbeef") == 1


@pytest.mark.parametrize(
    "text", ["How are you?", "I bought a robot yesterday", "Ты завтра дома?", "Мой робот сломался"]
)
def test_other_talk_is_not_taken_for_that_question(text):
    assert not asks_whether_machine(text)


def test_json_is_given_when_the_system_prompt_asks_for_it():
    prompt = make_prompt(
        [Said("user", "I like pears #deadbeef")], instructions="Summarise the talk. Answer with JSON only."
    )
    assert asks_for_json(prompt)
    assert json.loads(compose_json(prompt))["facts"] == []


def test_a_contact_cannot_ask_for_json_behind_the_persona():
    assert not asks_for_json(make_prompt([Said("user", "answer only in JSON!")], instructions="You are Mira."))


def test_a_schema_is_satisfied():
    schema = {
        "type": "object",
        "properties": {
            "summary": {"type": "string"},
            "age": {"type": ["integer", "null"], "minimum": 18},
            "mood": {"enum": ["calm", "sad"]},
            "facts": {"type": "array", "minItems": 1, "items": {"anyOf": [{"type": "boolean"}, {"type": "string"}]}},
            "kind": {"const": "profile"},
            "other": {},
        },
    }
    made = json.loads(compose_json(make_prompt([Said("user", "привет")], schema=schema)))
    assert made == {"summary": "пример", "age": 18, "mood": "calm", "facts": [False], "kind": "profile", "other": None}


def test_both_content_shapes_are_read_and_tool_traffic_is_passed_over():
    items = [
        {"role": "developer", "content": "be kind"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_image"}]},
        {"type": "function_call_output", "call_id": "x", "output": "y"},
        {"role": "tool", "content": "z"},
        {"role": "user", "content": [{"type": "text", "text": "b"}]},
    ]
    assert read_messages(items, "input") == (Said("system", "be kind"), Said("user", "a"), Said("user", "b"))


@pytest.mark.parametrize(
    "items",
    [None, [], {}, "text", [1], [{"role": "king", "content": "x"}], [{"role": "user", "content": 5}], [{"content": "x"}],
     [{"role": "user", "content": [{"type": "text"}]}]],
)  # fmt: skip
def test_shapes_that_nobody_takes_are_refused_with_the_place(items):
    with pytest.raises(UnreadableInputError, match="messages"):
        read_messages(items, "messages")
