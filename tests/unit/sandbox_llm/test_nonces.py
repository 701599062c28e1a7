import random
import re

from hypothesis import given
from hypothesis import strategies as st

from hanfleet.sandbox.llm.answers import compose_answer
from hanfleet.sandbox.llm.conversation import Said, make_prompt
from hanfleet.sandbox.llm.nonces import NonceMint, find_nonces, gather_nonces

_nonce = st.integers(0, 2**32 - 1).map(lambda number: f"#{number:08x}")
_words = st.text(alphabet="abc яёж.,!?\n", max_size=40)


@st.composite
def _message(draw: st.DrawFn) -> str:
    pieces = draw(st.lists(st.one_of(_words, _nonce), max_size=5))
    return " ".join(pieces)


_conversation = st.lists(
    st.tuples(st.sampled_from(["user", "assistant", "system"]), _message()), min_size=1, max_size=12
)


def test_shorter_longer_and_glued_tags_are_no_nonces():
    assert find_nonces("#1234567 #123456789 #12345678x ##12345678 a#12345678 #12345678") == ("#12345678",)
    assert find_nonces("(#DEADBEEF), #deadbeef. #deadbeef!") == ("#DEADBEEF", "#deadbeef")


def test_gathering_keeps_order_and_drops_repeats():
    assert gather_nonces(["#00000002 #00000001", "#00000001 #00000003"]) == ("#00000002", "#00000001", "#00000003")


def test_a_mint_never_repeats_itself():
    class Stutter(random.Random):
        def getrandbits(self, k: int) -> int:
            return super().getrandbits(3)

    mint = NonceMint(Stutter(1))
    assert len({mint.make() for _ in range(8)}) == 8


@given(_conversation)
def test_each_answered_nonce_appears_exactly_once_and_no_older_one(turns):
    said = [Said(role, text) for role, text in turns]
    prompt = make_prompt(said, instructions="You are Mira, a playful storyteller.")
    answer = compose_answer(prompt)
    roles = [role for role, _ in turns]
    last = len(roles) - 1 - roles[::-1].index("assistant") if "assistant" in roles else -1
    expected = gather_nonces(text for role, text in turns[last + 1 :] if role == "user")
    assert sorted(re.findall(r"#[0-9a-f]{8}", answer)) == sorted(expected)
    assert answer.strip()


@given(_conversation)
def test_the_same_prompt_gets_the_same_words(turns):
    said = [Said(role, text) for role, text in turns]
    assert compose_answer(make_prompt(said)) == compose_answer(make_prompt(said))
