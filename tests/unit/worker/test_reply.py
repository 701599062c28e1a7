import itertools
import random

from hanfleet.core.messages import Author, MediaKind
from hanfleet.persona.texts import DISCLOSURE
from hanfleet.store.records import OutboxKind, Part, TurnContext
from hanfleet.worker.reply import asked_whether_machine, model_request, plan_parts
from tests.unit.worker.contexts import config, context, message, ours

SLOW = config(pacing={"chars_per_second": 10, "max_typing_s": 20, "split_at_chars": 50})
TEXT = "This is a sentence of some length. And this is another one. And a third one, to be sure."


def plan(loaded: TurnContext, kind: OutboxKind = OutboxKind.REPLY) -> tuple[Part, ...]:
    return plan_parts(loaded, SLOW, TEXT, kind=kind, merge_wait_ms=4000, chance=random.Random(1))


def test_the_burst_is_one_text_and_the_history_comes_before_it():
    earlier = (message("before", 1), ours("reply", 2))
    request = model_request(context("one", message("", 11, media=MediaKind.PHOTO), "three", history=earlier), SLOW)
    assert request.message == "one\n[a photo, which you cannot see]\nthree"
    assert [(said.role, said.text) for said in request.history] == [("user", "before"), ("assistant", "reply")]
    assert request.previous_response_id == "resp_1"


def test_what_a_person_wrote_is_not_in_the_servers_memory():
    request = model_request(context("one", history=(ours("by hand", 2, Author.OWNER),)), SLOW)
    assert request.previous_response_id is None
    assert request.history[0].text == "by hand"


def test_the_question_is_heard_anywhere_in_the_burst():
    assert asked_whether_machine(context("hm", "are you a bot?", "tell me"))
    assert not asked_whether_machine(context("hm"))


def test_the_disclosure_comes_first_and_only_while_it_is_owed():
    parts = plan(context("Hello", disclosed_at=None))
    assert (parts[0].kind, parts[0].text) == (OutboxKind.DISCLOSURE, DISCLOSURE["en"])
    assert plan(context("Hello"))[0].kind is OutboxKind.REPLY
    pending = context("Hello", disclosed_at=None)
    pending = type(pending)(**{**vars(pending), "disclosure_pending": True})
    assert plan(pending)[0].kind is OutboxKind.REPLY


def test_each_part_is_typed_after_the_one_before():
    parts = plan(context("Hello"))
    assert len(parts) == 3
    assert parts[0].read_wait_ms > 0
    for before, after in itertools.pairwise(parts):
        assert abs(after.read_wait_ms - before.read_wait_ms - before.typing_ms) <= 1
    assert {part.merge_wait_ms for part in parts} == {4000}


def test_the_products_own_notices_wait_for_nothing():
    parts = plan(context("Hello"), kind=OutboxKind.NOTICE)
    assert all(part.read_wait_ms == part.typing_ms == 0 for part in parts)
