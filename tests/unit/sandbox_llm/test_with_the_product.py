"""The stand-in and the contacts beside the product's own rules: nothing they say may trip a safety by accident.

A reply that the guard replaces, or a contact who opts out, would look like lost messages in every proof.
"""

import random

import pytest

from hanfleet.core.config import PersonaConfig
from hanfleet.persona.crisis import speaks_of_crisis
from hanfleet.persona.guard import Intervention, guard_reply
from hanfleet.persona.honesty import asks_whether_machine
from hanfleet.persona.opt_out import read_wish
from hanfleet.persona.splitting import split_reply
from hanfleet.sandbox.contacts.cast import CAST
from hanfleet.sandbox.contacts.persons import script
from hanfleet.sandbox.llm.answers import compose_answer
from hanfleet.sandbox.llm.conversation import Said, make_prompt
from hanfleet.sandbox.llm.language import detect_language
from hanfleet.sandbox.llm.nonces import find_nonces

_PERSONAS = (
    "You are Mira, a playful storyteller.",
    "You are Otto. Your manner is dry.",
    "Ты — Варя, тёплая.",
    "Curious.",
)


def _everything_said(person, number: int = 40) -> list[str]:
    lines = script(person, random.Random(5))
    return [f"{next(lines)} #{n:08x}" for n in range(number)]


@pytest.mark.parametrize("person", CAST, ids=lambda person: person.name)
def test_no_line_of_the_cast_is_a_crisis_or_a_wish(person):
    for line in _everything_said(person):
        assert not speaks_of_crisis(line)
        assert read_wish(line) is None


@pytest.mark.parametrize("person", CAST, ids=lambda person: person.name)
@pytest.mark.parametrize("persona", _PERSONAS)
def test_no_answer_is_changed_by_the_guard(person, persona):
    for line in _everything_said(person):
        answer = compose_answer(make_prompt([Said("user", line)], instructions=persona))
        guarded = guard_reply(
            answer, asked=asks_whether_machine(line), persona=PersonaConfig(), language=detect_language([line])
        )
        assert guarded.intervention is Intervention.NONE, (line, answer)


def test_splitting_keeps_every_nonce_in_one_place_and_is_exercised():
    parts_seen = set()
    for number in range(300):
        texts = [Said("user", f"Tell me something #{number * 4 + n:08x}") for n in range(4)]
        parts = split_reply(compose_answer(make_prompt(texts)), 600)
        parts_seen.add(len(parts))
        nonces = [nonce for part in parts for nonce in find_nonces(part)]
        assert sorted(nonces) == [f"#{number * 4 + n:08x}" for n in range(4)]
    assert {1, 2} <= parts_seen
