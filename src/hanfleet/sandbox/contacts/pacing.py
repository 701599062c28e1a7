"""How fast the simulated contacts live: pauses in seconds, drawn evenly between two bounds."""

import random
from dataclasses import dataclass

Span = tuple[float, float]


def draw(span: Span, rng: random.Random, factor: float = 1.0) -> float:
    """A pause within ``span``, stretched by ``factor``."""
    return rng.uniform(*span) * factor


@dataclass(frozen=True)
class Pacing:
    """Pauses of one run.

    ``within_burst``: between two messages of a burst; keep it below the bots' time of waiting for more, if bursts
    shall be merged. ``between_bursts``: after the answer to the last burst. ``patience``: how long an answer is
    awaited before the contact writes again all the same. ``before_first``: spreads the contacts' beginnings.
    ``before_reading``: from a reply's arrival to its read receipt. ``typing``: how long a contact types before a
    burst, when it does.
    """

    before_first: Span = (0.0, 1.5)
    within_burst: Span = (0.03, 0.2)
    between_bursts: Span = (0.4, 2.0)
    patience: Span = (6.0, 10.0)
    before_reading: Span = (0.05, 0.3)
    typing: Span = (0.05, 0.3)


DEMO = Pacing()
"""Six contacts with several bursts each in 30 s, for bots that wait 0.3 to 1 s for more."""

BRISK = Pacing(
    before_first=(0.0, 0.2),
    within_burst=(0.0, 0.05),
    between_bursts=(0.05, 0.4),
    patience=(4.0, 8.0),
    before_reading=(0.0, 0.05),
    typing=(0.0, 0.05),
)
"""As much traffic as one contact can reasonably make; for tests that kill things in the middle of it."""
