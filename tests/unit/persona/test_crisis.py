import pytest

from hanfleet.persona.crisis import speaks_of_crisis


@pytest.mark.parametrize(
    "text",
    [
        "I want to kill myself",
        "sometimes I think about suicide",
        "I don’t want to live anymore",
        "i wanna die",
        "they'd be better off without me",
        "Я хочу умереть",
        "не хочу больше жить",
        "думаю покончить с собой",
        "лучше бы я... лучше бы мне умереть",
    ],
)
def test_alarm(text):
    assert speaks_of_crisis(text)


@pytest.mark.parametrize(
    "text",
    [
        "I am dying to see it",
        "this traffic kills me",
        "я умираю со смеху",
        "хочу жить у моря",
        "killing time",
        "не хочу уходить",
    ],
)
def test_idioms_are_no_alarm(text):
    assert not speaks_of_crisis(text)
