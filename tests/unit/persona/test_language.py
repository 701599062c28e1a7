import pytest

from hanfleet.persona.language import detect_language


@pytest.mark.parametrize(
    ("texts", "client", "default", "language"),
    [
        (["Hello there"], None, "ru", "en"),
        (["Привет"], None, "en", "ru"),
        (["Hello", "Привет"], None, "en", "ru"),
        (["Привет", "#deadbeef"], "en", "en", "ru"),
        (["#deadbeef https://example.org /start @name"], "ru-RU", "en", "ru"),
        (["42"], "en", "ru", "en"),
        (["42"], "de", "ru", "ru"),
        ([], None, "ru", "ru"),
        (["Netflix это жизнь"], None, "en", "ru"),
        (["Ты GPT? #abcdef03"], "en", "en", "ru"),
        (["What does привет mean in English?"], None, "en", "ru"),
        (["GPT?"], None, "ru", "ru"),
        (["ok #abcdef03"], None, "ru", "ru"),
        (["Привет", "ok"], None, "en", "ru"),
        (["bot?"], "ru", "en", "ru"),
        (["deadbeef12 www.example.org example.com/page me@example.org"], None, "ru", "ru"),
        (["Hello (°Д°)"], None, "ru", "en"),
        (["Fine, and you?"], "ru", "ru", "en"),
        (["я GPT-4 Turbo"], None, "en", "ru"),
    ],
)
def test_the_newest_words_decide(texts, client, default, language):
    assert detect_language(texts, client=client, default=default) == language
