"""The simulated contacts as characters: invented, plainly fictional, first names only.

A person is data; how it turns into traffic is the simulator's business.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from hanfleet.sandbox.llm.language import Language


class Temper(StrEnum):
    """How somebody writes."""

    STEADY = "steady"
    HASTY = "hasty"
    DREAMY = "dreamy"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True)
class Habits:
    """What a temper means: relative sizes of bursts (1, 2, 3 … messages), a factor on every pause, and chances."""

    burst_weights: tuple[int, ...]
    pause_factor: float
    typing_chance: float
    edit_chance: float


HABITS: dict[Temper, Habits] = {
    Temper.STEADY: Habits((4, 3, 1), 1.0, 0.6, 0.05),
    Temper.HASTY: Habits((1, 2, 3, 3), 0.6, 0.2, 0.1),
    Temper.DREAMY: Habits((5, 2, 1), 1.4, 0.9, 0.05),
    Temper.DOUBTFUL: Habits((3, 3, 1), 1.1, 0.8, 0.25),
}


@dataclass(frozen=True)
class Person:
    """One character. ``lines`` are what only this person says; they hold no `#`."""

    name: str
    language: Language
    temper: Temper
    about: str
    lines: tuple[str, ...]

    @property
    def habits(self) -> Habits:
        return HABITS[self.temper]


_SMALL_TALK: dict[Language, tuple[str, ...]] = {
    "en": (
        "How was your day?",
        "What would you do with an hour that belongs to nobody?",
        "I keep thinking about what you said.",
        "Tell me something small and true.",
        "Are you a bot, by the way?",
        "Do you prefer mornings or evenings?",
        "That made me laugh.",
        "Wait, one more thing.",
    ),
    "ru": (
        "Как прошёл день?",
        "На что потратить час, который ничей?",
        "Всё думаю о твоих словах.",
        "Расскажи что-нибудь маленькое и настоящее.",
        "Кстати, ты бот?",
        "Тебе ближе утро или вечер?",
        "Это меня рассмешило.",
        "Погоди, ещё кое-что.",
    ),
}

GREETINGS: dict[Language, tuple[str, ...]] = {
    "en": ("Hello there!", "Hi, it is {name}.", "Good day to you!"),
    "ru": ("Привет!", "Здравствуй, это {name}.", "Добрый день!"),
}


def script(person: Person, rng: random.Random) -> Iterator[str]:
    """Lines without end: a greeting, then everything the person can say in an ever new order."""
    yield rng.choice(GREETINGS[person.language]).format(name=person.name)
    lines = [*person.lines, *_SMALL_TALK[person.language]]
    while True:
        rng.shuffle(lines)
        yield from lines


def burst_size(person: Person, rng: random.Random) -> int:
    """How many messages the person writes in one go, 1 to 4."""
    weights = person.habits.burst_weights
    return rng.choices(range(1, len(weights) + 1), weights)[0]
