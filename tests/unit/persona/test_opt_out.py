import pytest

from hanfleet.persona.opt_out import Wish, newest_wish, read_wish


@pytest.mark.parametrize(
    "text",
    ["stop", "STOP", " Stop! ", "/stop", "стоп", "Стоп.", "«стоп»", "🛑 stop 🛑", "Don’t write to me", "Отпишись!!"],
)
def test_a_whole_message_stops(text):
    assert read_wish(text) is Wish.STOP


@pytest.mark.parametrize(
    "text", ["", "!!!", "stop by tomorrow", "I can't stop laughing", "стоп-кадр", "не останавливайся", "stopped"]
)
def test_a_word_inside_talk_does_not(text):
    assert read_wish(text) is None


@pytest.mark.parametrize("text", ["start", "/start", "Старт", "Продолжай!"])
def test_a_way_back(text):
    assert read_wish(text) is Wish.RESUME


def test_a_bot_may_add_words_of_its_own():
    assert read_wish("Basta!", ("basta",)) is Wish.STOP
    assert read_wish("Basta!") is None
    assert read_wish("🙂", ("!",)) is None


def test_the_newest_wish_of_a_burst_counts():
    assert newest_wish(["stop", "hm", "start"]) is Wish.RESUME
    assert newest_wish(["start", "stop", "and leave"]) is Wish.STOP
    assert newest_wish(["hello"]) is None
