from hypothesis import given
from hypothesis import strategies as st

from hanfleet.persona.splitting import TELEGRAM_LIMIT, split_reply

words = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=60)
gaps = st.sampled_from([" ", " ", "  ", "\n", "\n\n", ". ", "! ", "… ", '." ', "\n \n"])
texts = st.lists(st.tuples(words, gaps), max_size=60).map(lambda pairs: "".join(word + gap for word, gap in pairs))


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(texts, st.integers(50, 4000))
def test_every_word_once_and_in_order(text, limit):
    parts = split_reply(text, limit)
    assert " ".join(parts).split() == text.split()
    assert all(part.strip() for part in parts)


@given(texts, st.integers(50, 4000))
def test_no_part_is_too_long_unless_it_is_one_word(text, limit):
    assert all(units(part) <= limit or len(part.split()) == 1 for part in split_reply(text, limit))


@given(st.text(max_size=200))
def test_a_short_text_stays_whole(text):
    assert split_reply(text, 4000) == ((text.strip(),) if text.strip() else ())


def test_paragraphs_come_before_sentences_and_sentences_before_words():
    assert split_reply("One two. Three four.\n\nFive six.", 25) == ("One two. Three four.", "Five six.")
    assert split_reply('He said: "Go away." Then he left for good.', 25) == (
        'He said: "Go away."',
        "Then he left for good.",
    )
    assert split_reply("alpha beta gamma delta", 11) == ("alpha beta", "gamma delta")


def test_small_paragraphs_share_a_part():
    assert split_reply("a\n\nb\n\n" + "c" * 10, 12) == ("a\n\nb", "c" * 10)


def test_lines_of_a_list_stay_lines():
    assert split_reply("1. tea\n2. milk\n3. bread", 18) == ("1. tea\n2. milk", "3. bread")


def test_a_mark_is_never_cut():
    text = " ".join(f"word{at} #{at:08x}" for at in range(200))
    found = [word for part in split_reply(text, 50) for word in part.split() if word.startswith("#")]
    assert found == [f"#{at:08x}" for at in range(200)]


def test_only_a_word_that_telegram_refuses_is_cut():
    long, monster = "x" * TELEGRAM_LIMIT, "😀" * 3000
    assert split_reply(f"a {long} b", 100) == ("a", long, "b")
    parts = split_reply(monster, 100)
    assert "".join(parts) == monster
    assert all(units(part) <= TELEGRAM_LIMIT for part in parts)
