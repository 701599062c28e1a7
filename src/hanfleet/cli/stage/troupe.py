"""The simulated contacts of a stage: who writes to which persona, spread evenly and in the persona's language."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from hanfleet.cli.stage.stage import Actor
from hanfleet.kit.clock import SystemClock
from hanfleet.sandbox.contacts.cast import cast_for
from hanfleet.sandbox.contacts.crowd import Crowd, Meeting
from hanfleet.sandbox.contacts.pacing import DEMO, Pacing
from hanfleet.sandbox.contacts.simulator import SaidLine
from hanfleet.sandbox.llm.language import Language


def troupe(
    info: dict[str, Any],
    actors: Sequence[Actor],
    contacts: int,
    *,
    seed: int,
    pacing: Pacing = DEMO,
    on_line: Callable[[SaidLine], None] | None = None,
) -> Crowd:
    """``contacts`` people for these actors; enter it and they begin. The same seed gives the same people."""
    seats = [actors[number % len(actors)] for number in range(contacts)]
    meetings = []
    spoken: dict[Language, int] = {"en": 0, "ru": 0}
    for actor in seats:
        language: Language = "ru" if actor.role.language == "ru" else "en"
        person = cast_for(language, contacts)[spoken[language]]
        spoken[language] += 1
        meetings.append(Meeting(person, actor.account_id, actor.role.bot_id))
    return Crowd(
        info,
        meetings,
        rng=random.Random(seed),  # noqa: S311 - a rehearsal, repeatable by its seed
        clock=SystemClock(),
        pacing=pacing,
        on_line=on_line,
    )
