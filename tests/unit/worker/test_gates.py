from dataclasses import replace
from datetime import time, timedelta

import pytest

from hanfleet.core.messages import MediaKind
from hanfleet.persona.texts import CRISIS, OPTED_OUT
from hanfleet.worker.gates import Notice, Silence, Wait, first_verdict, is_urgent
from tests.unit.worker.contexts import NOW, config, context, message

CONFIG = config()
SLEEPY = config(quiet_hours={"start": time(11), "end": time(13)})


def test_an_ordinary_message_passes_every_gate():
    assert first_verdict(context("Hello"), CONFIG, NOW) is None
    assert first_verdict(context(message("", media=MediaKind.VOICE)), CONFIG, NOW) is None


def test_the_burst_that_asks_to_stop_gets_the_confirmation():
    assert first_verdict(context("Hello", "stop", opted_out_at=NOW), CONFIG, NOW) == Notice(
        "opted_out", OPTED_OUT["en"]
    )
    assert first_verdict(context("стоп", opted_out_at=NOW), CONFIG, NOW) == Notice("opted_out", OPTED_OUT["ru"])


@pytest.mark.parametrize("text", ["Hello?", "stop", "I want to kill myself"])
def test_later_words_of_whoever_opted_out_meet_silence(text):
    before = NOW - timedelta(seconds=1)
    assert first_verdict(context(text, opted_out_at=before), CONFIG, NOW) == Silence("opted_out")


def test_a_bots_own_stop_word_counts():
    own = config(persona={"opt_out_words": ["basta"]})
    verdict = first_verdict(context("Basta!", opted_out_at=NOW), own, NOW)
    assert isinstance(verdict, Notice)


@pytest.mark.parametrize(
    ("contact", "reason"),
    [({"paused_at": NOW}, "paused"), ({"is_bot": True}, "bot"), ({"is_bot": True, "opted_out_at": NOW}, "bot")],
)
def test_a_person_in_charge_and_a_machine_at_the_other_end_mean_silence(contact, reason):
    assert first_verdict(context("I want to die", **contact), CONFIG, NOW) == Silence(reason)


@pytest.mark.parametrize("fresh", [[], [""], ["  \n"]])
def test_nothing_said_is_not_answered(fresh):
    assert first_verdict(context(*fresh), CONFIG, NOW) == Silence("nothing_said")


def test_a_crisis_hands_over_to_a_person_even_in_quiet_hours():
    verdict = first_verdict(context("Hi", "I want to die"), SLEEPY, NOW)
    assert verdict == Notice("crisis", CRISIS["en"], pause=True)


def test_quiet_hours_let_the_reply_wait():
    assert first_verdict(context("Hello"), SLEEPY, NOW) == Wait(NOW + timedelta(hours=1))
    assert first_verdict(context("Hello"), SLEEPY, NOW + timedelta(hours=1)) is None


def test_stop_and_crisis_do_not_wait_for_the_rest_of_a_burst():
    assert is_urgent("Stop!", CONFIG)
    assert is_urgent("я хочу умереть", CONFIG)
    assert not is_urgent("stop by tomorrow", CONFIG)
    assert replace(context("x")).newest_inbound == 10
